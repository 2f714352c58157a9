// What is remembered of the way to one destination: for every fixed flow the address expected at each TTL, which
// addresses stand for one position, and how each TTL answers. Compact, since there are as many as targets.
// Invariant: only what was observed is in it; a TTL where a flow saw nothing holds 0 and agrees with everything.

import { type AddressTable, DESTINATION_ID, DESTINATION_MARK } from './address-table.ts';
import { Aliases, ANYWHERE } from './aliases.ts';
import { isImprobableSilence } from './statistics.ts';

/** Words of a TTL's record before its expected addresses. */
const TALLY = 0; // tries in the lower half, hits in the upper
const TRAITS = 1; // misses in a row in the lower half, then a byte of reply TTL
const RTT = 2; // centre of the least RTT a round, in tenths of a microsecond
const DEVIATION = 3; // mean distance from it, same unit
const LATEST = 4; // least RTT of the latest round, same unit
const FLOWS = 5;
/** Words of a TTL that `repliesAt` gives. */
export const REPLY_WORDS: number = FLOWS;

const RTT_UNITS_PER_MS = 10_000;
const MOST_TRIES = 60_000;
/** Weights of a new round. */
const RTT_WEIGHT = 1 / 4;
const DEVIATION_WEIGHT = 1 / 16;
/** Half a millisecond and 2 %: what a first RTT is trusted to. */
const FIRST_DEVIATION = RTT_UNITS_PER_MS / 2;
/** Most addresses kept as known siblings; the oldest go first. */
export const MAX_SIBLINGS = 96;
export const MAX_SUSPECTS = 16;
/** Unanswered probes after which a hop that never answered on this route is not expected to. */
const NEVER_HEARD = 40;
/** Probability that a hop which still stands was silent by chance. */
const SILENT_ALPHA = 1e-6;
/** Probability that an end was never met at its TTL by chance. */
const NEARER_ALPHA = 1e-6;

export interface Sibling {
  readonly ttl: number;
  readonly id: number;
}

/** An address that showed at a TTL beside the expected one without being proven to be a change. */
export interface Suspect {
  readonly ttl: number;
  readonly id: number;
  times: number;
}

export type Relation = 'same' | 'differs' | 'unknown' | 'overshoot';

export class DestinationMemory {
  readonly address: string;
  readonly flows: number;
  readonly table: AddressTable;
  /** Rounds in which anybody answered. */
  rounds = 0;
  /** Rounds since the paths here were last replaced; counts up to 255. */
  settled = 0;
  /** Flows that were seen whole when the route last changed: if they differ again, it changed again. */
  seenWhole: readonly number[] = [];
  /** The round in which flows last moved among balanced routers; what is known of their ways since may be in pieces. */
  rehashedAt = -255;
  /** Probes for the destination that went unanswered since it last answered. */
  destinationMisses = 0;
  destinationHits = 0;
  /** Highest TTL at which it answered in the last round that reached it. */
  lastEnd = 0;
  destinationTries = 0;
  unreachable = false;
  everReached = false;
  /**
   * TTL from which packets of one flow go ways of different length, 0 for none: the same routers, and the destination,
   * show at several TTLs from there on, and a stranger says nothing.
   */
  unevenFrom = 0;
  /** How often that was seen since the route last changed. */
  unevenSigns = 0;
  /** TTLs at which flows met the destination in the latest round, and rounds in a row that met it at the same ones. */
  ends: readonly number[] = [];
  calmRounds = 0;
  readonly aliases: Aliases;
  siblings: Sibling[] = [];
  /** Paths that multipath discovery found on the present route; 0 while unknown. */
  discoveredPaths = 0;
  suspects: Suspect[] = [];
  /** Probes in a row with a flow's own length that went unanswered while it met the destination beyond; mostly empty. */
  overshoots: number[] = [];
  #cells: Uint32Array;
  #horizon: number;
  readonly #width: number;

  constructor(address: string, flows: number, table: AddressTable) {
    this.address = address;
    this.flows = flows;
    this.table = table;
    this.aliases = new Aliases(table);
    this.#width = FLOWS + flows;
    this.#horizon = 0;
    this.#cells = new Uint32Array(0);
  }

  /** Highest TTL that has a record. */
  get horizon(): number {
    return this.#horizon;
  }

  /** Id expected by `flow` at `ttl`, 0 where none is known. */
  expected(flow: number, ttl: number): number {
    return ttl > this.#horizon ? 0 : (this.#cells[(ttl - 1) * this.#width + FLOWS + flow] as number);
  }

  expectedAddress(flow: number, ttl: number): string {
    return this.table.addressOf(this.expected(flow, ttl));
  }

  expect(flow: number, ttl: number, address: string): void {
    this.#grow(ttl);
    const at = (ttl - 1) * this.#width + FLOWS + flow;
    const id = this.table.hold(address);
    this.table.release(this.#cells[at] as number);
    this.#cells[at] = id;
  }

  forget(flow: number, ttl: number): void {
    if (ttl > this.#horizon) return;
    const at = (ttl - 1) * this.#width + FLOWS + flow;
    this.table.release(this.#cells[at] as number);
    this.#cells[at] = 0;
  }

  /** TTL at which `flow` expects the destination, 0 when it never got there. */
  lengthOf(flow: number): number {
    for (let ttl = 1; ttl <= this.#horizon; ttl++)
      if (this.expected(flow, ttl) === DESTINATION_ID) return ttl;
    return 0;
  }

  /** Whether two addresses stand for one position at `ttl`. */
  alike(ttl: number, a: string, b: string): boolean {
    return this.aliases.alike(ttl, a, b);
  }

  /** Whether all flows that know anything of `ttl` know the same position. */
  isShared(ttl: number): boolean {
    let one = '';
    for (let flow = 0; flow < this.flows; flow++) {
      const address = this.expectedAddress(flow, ttl);
      if (address === '') continue;
      if (one === '') one = address;
      else if (!this.alike(ttl, one, address)) return false;
    }
    return true;
  }

  /** How many routers stand for the position of `address` at `ttl`: more than one where packets are spread. */
  positionSize(ttl: number, address: string): number {
    return this.aliases.positionSize(ttl, address);
  }

  /** Whether `address` is one of several that stand for one position at `ttl`. */
  isKnownSpread(ttl: number, address: string): boolean {
    return this.positionSize(ttl, address) > 1;
  }

  /** From now on `a` and `b` stand for one position at `ttl`; at `ANYWHERE` they are one router's. */
  unite(ttl: number, a: string, b: string): void {
    this.aliases.unite(ttl, a, b);
  }

  /** Whether `address` was seen at `ttl` on the present route: by any flow, or by multipath discovery. */
  knows(ttl: number, address: string): boolean {
    for (let flow = 0; flow < this.flows; flow++) {
      const expected = this.expected(flow, ttl);
      if (expected !== 0 && this.alike(ttl, this.table.addressOf(expected), address)) return true;
    }
    return this.isSibling(ttl, address);
  }

  /** Whether `address` is known at `ttl` or any beyond. */
  knowsFrom(ttl: number, address: string): boolean {
    const id = this.table.find(address);
    if (id === 0) return false;
    if (this.aliases.all.some((alias) => alias.id === id && (alias.ttl >= ttl || alias.ttl === ANYWHERE)))
      return true;
    for (let t = ttl; t <= this.#horizon; t++) {
      for (let flow = 0; flow < this.flows; flow++) if (this.expected(flow, t) === id) return true;
    }
    return this.siblings.some((sibling) => sibling.id === id && sibling.ttl >= ttl);
  }

  /** The ways of packets no longer differ in length: what is known from where they parted is of no use. */
  endMuddle(): void {
    for (let ttl = this.unevenFrom; this.unevenFrom > 0 && ttl <= this.#horizon; ttl++) {
      for (let flow = 0; flow < this.flows; flow++) this.forget(flow, ttl);
    }
    this.unevenFrom = 0;
    this.unevenSigns = 0;
  }

  /** Notes that `address` alternated with the expected one; returns how often it did. */
  suspect(ttl: number, address: string): number {
    const id = this.table.find(address);
    const known = id === 0 ? undefined : this.suspects.find((s) => s.ttl === ttl && s.id === id);
    if (known !== undefined) {
      known.times++;
      return known.times;
    }
    this.suspects.push({ ttl, id: this.table.hold(address), times: 1 });
    if (this.suspects.length > MAX_SUSPECTS) {
      const oldest = this.suspects.shift();
      if (oldest !== undefined) this.table.release(oldest.id);
    }
    return 1;
  }

  timesSuspected(ttl: number, address: string): number {
    if (this.suspects.length === 0) return 0;
    const id = this.table.find(address);
    return this.suspects.find((s) => s.ttl === ttl && s.id === id)?.times ?? 0;
  }

  isSibling(ttl: number, address: string): boolean {
    const id = this.table.find(address);
    return id !== 0 && this.siblings.some((sibling) => sibling.ttl === ttl && sibling.id === id);
  }

  addSibling(ttl: number, address: string): void {
    if (address === DESTINATION_MARK || this.isSibling(ttl, address)) return;
    this.siblings.push({ ttl, id: this.table.hold(address) });
    if (this.siblings.length > MAX_SIBLINGS) {
      const oldest = this.siblings.shift();
      if (oldest !== undefined) this.table.release(oldest.id);
    }
  }

  /** Siblings from `ttl` on belong to a route that is no more. */
  dropSiblingsFrom(ttl: number): void {
    for (const sibling of this.siblings) if (sibling.ttl >= ttl) this.table.release(sibling.id);
    this.siblings = this.siblings.filter((sibling) => sibling.ttl < ttl);
    this.discoveredPaths = 0;
  }

  /**
   * How one answer at `ttl` stands to what `flow` expects there. `length` is `lengthOf(flow)`.
   * `overshoot` is the destination answering beyond its TTL: alone it may mean that its nearer answer was lost.
   */
  relation(flow: number, length: number, ttl: number, address: string): Relation {
    const isDestination = address === DESTINATION_MARK;
    if (this.unevenFrom > 0 && ttl >= this.unevenFrom) {
      return this.alike(ttl, this.expectedAddress(flow, ttl), address) ? 'same' : 'unknown';
    }
    if (length > 0 && ttl >= length) {
      if (isDestination) return ttl === length ? 'same' : 'overshoot';
      return 'differs';
    }
    if (isDestination) {
      if (this.expected(flow, ttl) !== 0) return 'differs';
      if (length === 0) return 'unknown';
      return this.#mayEndAt(flow, length, ttl) ? 'unknown' : 'differs';
    }
    const known = this.expectedAddress(flow, ttl);
    if (known === '') return 'unknown';
    return this.alike(ttl, known, address) ? 'same' : 'differs';
  }

  /**
   * Whether `flow` may always have met the destination at `ttl` already: other flows do, and nobody else ever answered
   * from there on. Its nearer answers were lost when its length was learnt. So they may have been where the TTL was
   * asked too seldom since to tell.
   */
  #mayEndAt(flow: number, length: number, ttl: number): boolean {
    for (let t = ttl; t < length; t++) if (this.expected(flow, t) !== 0) return false;
    for (let other = 0; other < this.flows; other++)
      if (this.expected(other, ttl) === DESTINATION_ID) return true;
    const silent = this.hitsAt(ttl) > 0 ? 0 : this.triesAt(ttl);
    return !this.destinationSilenceIsImprobable(silent, NEARER_ALPHA);
  }

  /** One probe at `ttl`, answered or not. */
  tally(ttl: number, answered: boolean): void {
    this.#grow(ttl);
    const at = (ttl - 1) * this.#width;
    let tries = (this.#cells[at + TALLY] as number) & 0xffff;
    let hits = (this.#cells[at + TALLY] as number) >>> 16;
    tries++;
    if (answered) hits++;
    if (tries > MOST_TRIES) {
      tries >>>= 1;
      hits >>>= 1;
    }
    this.#cells[at + TALLY] = (hits << 16) | tries;
    const traits = this.#cells[at + TRAITS] as number;
    const misses = answered ? 0 : Math.min(0xffff, (traits & 0xffff) + 1);
    this.#cells[at + TRAITS] = (traits & 0xffff0000) | misses;
  }

  triesAt(ttl: number): number {
    return ttl > this.#horizon ? 0 : (this.#cells[(ttl - 1) * this.#width + TALLY] as number) & 0xffff;
  }

  hitsAt(ttl: number): number {
    return ttl > this.#horizon ? 0 : (this.#cells[(ttl - 1) * this.#width + TALLY] as number) >>> 16;
  }

  missesAt(ttl: number): number {
    return ttl > this.#horizon ? 0 : (this.#cells[(ttl - 1) * this.#width + TRAITS] as number) & 0xffff;
  }

  /** Reply TTL last seen from `ttl`, 0 when never. */
  replyTtlAt(ttl: number): number {
    return ttl > this.#horizon
      ? 0
      : ((this.#cells[(ttl - 1) * this.#width + TRAITS] as number) >>> 16) & 0xff;
  }

  /** Centre of the least RTT a round at `ttl`, its mean deviation, and the latest; milliseconds, zeros when there are none. */
  rttAt(ttl: number): {
    readonly centreMs: number;
    readonly deviationMs: number;
    readonly latestMs: number;
  } {
    if (ttl > this.#horizon) return { centreMs: 0, deviationMs: 0, latestMs: 0 };
    const at = (ttl - 1) * this.#width;
    return {
      centreMs: (this.#cells[at + RTT] as number) / RTT_UNITS_PER_MS,
      deviationMs: (this.#cells[at + DEVIATION] as number) / RTT_UNITS_PER_MS,
      latestMs: (this.#cells[at + LATEST] as number) / RTT_UNITS_PER_MS,
    };
  }

  noteReplyTtl(ttl: number, replyTtl: number): void {
    this.#grow(ttl);
    const at = (ttl - 1) * this.#width + TRAITS;
    if (replyTtl > 0)
      this.#cells[at] = ((this.#cells[at] as number) & 0xff00ffff) | ((replyTtl & 0xff) << 16);
  }

  /**
   * Takes in the least RTT that a round saw at `ttl`. The least of several is hardly touched by queues, so that the
   * centre may follow quickly: what was congestion some rounds ago must not pass for a change now.
   */
  noteRtt(ttl: number, rttMs: number): void {
    this.#grow(ttl);
    const at = (ttl - 1) * this.#width;
    const rtt = rttMs * RTT_UNITS_PER_MS;
    const centre = this.#cells[at + RTT] as number;
    this.#cells[at + LATEST] = clampWord(rtt);
    if (centre === 0) {
      this.#cells[at + RTT] = clampWord(rtt);
      this.#cells[at + DEVIATION] = clampWord(FIRST_DEVIATION + rtt / 50);
      return;
    }
    const deviation = this.#cells[at + DEVIATION] as number;
    const weight = Math.max(DEVIATION_WEIGHT, 1 / (this.settled + 2));
    this.#cells[at + RTT] = clampWord(centre + RTT_WEIGHT * (rtt - centre));
    this.#cells[at + DEVIATION] = clampWord(deviation + weight * (Math.abs(rtt - centre) - deviation));
  }

  /** Forgets how the TTLs from `ttl` on answer: other routers stand there now. */
  resetRepliesFrom(ttl: number): void {
    for (let t = ttl; t <= this.#horizon; t++) {
      this.#cells.fill(0, (t - 1) * this.#width, (t - 1) * this.#width + FLOWS);
    }
  }

  /** Whether `ttl` has been silent for longer than chance explains: what is expected there may be no more. */
  isSilent(ttl: number): boolean {
    const misses = this.missesAt(ttl);
    if (this.hitsAt(ttl) === 0) return misses >= NEVER_HEARD;
    return isImprobableSilence(this.hitsAt(ttl), this.triesAt(ttl) - misses, misses, SILENT_ALPHA);
  }

  /** Whether so many unanswered probes in a row are less probable than `alpha`, as the destination used to answer. */
  destinationSilenceIsImprobable(misses: number, alpha: number): boolean {
    const tries = this.destinationTries - this.destinationMisses;
    return isImprobableSilence(this.destinationHits, tries, misses, alpha);
  }

  /** Probes for the destination at its TTL, and how many of them it answered. */
  tallyDestination(tries: number, hits: number): void {
    this.destinationTries += tries;
    this.destinationHits += hits;
    if (this.destinationTries > MOST_TRIES) {
      this.destinationTries >>>= 1;
      this.destinationHits >>>= 1;
    }
    this.destinationMisses = hits > 0 ? 0 : this.destinationMisses + tries;
  }

  clearOvershoots(flow: number): void {
    if (this.overshoots.length > 0) this.overshoots[flow] = 0;
  }

  noteOvershoot(flow: number, silentProbes: number): void {
    this.overshoots[flow] = (this.overshoots[flow] ?? 0) + silentProbes;
  }

  /** Gives every address back to the table. */
  release(): void {
    for (let ttl = 1; ttl <= this.#horizon; ttl++) {
      for (let flow = 0; flow < this.flows; flow++) this.forget(flow, ttl);
    }
    this.dropSiblingsFrom(0);
    this.aliases.release();
    for (const suspect of this.suspects) this.table.release(suspect.id);
    this.suspects = [];
  }

  /** The raw record of a TTL's replies, to be stored; `restoreReplies` takes it back. */
  repliesAt(ttl: number): readonly number[] {
    const at = (ttl - 1) * this.#width;
    return [...this.#cells.subarray(at, at + FLOWS)];
  }

  restoreReplies(ttl: number, words: readonly number[]): void {
    this.#grow(ttl);
    this.#cells.set(words.slice(0, FLOWS), (ttl - 1) * this.#width);
  }

  #grow(ttl: number): void {
    if (ttl <= this.#horizon) return;
    const cells = new Uint32Array(ttl * this.#width);
    cells.set(this.#cells);
    this.#cells = cells;
    this.#horizon = ttl;
  }
}

function clampWord(value: number): number {
  return Math.max(1, Math.min(0xffffffff, Math.round(value)));
}
