// A suspected change of path, from the first sight until it is proven or dismissed: which probes it still wants, and
// what the answers say. Invariant: nothing is proven by one trace alone, and one clear sign of the old path dismisses.
//
// Steps. `flow`: the suspected flow is traced again, two of three must show the new way and none the old. `edge`: a
// hop just before the change that has not answered is asked again, so that the first differing hop is the right one.
// `own`: all fixed flows are asked across the change, if some seemed unmoved: the route may have changed in the middle
// of the trace. `extra`: other flows are asked at the first differing hop, where it is known to balance, for whether
// the old router still carries any.

import type { Trace } from '../trace/trace.ts';
import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { addressAt, type Comparison, compareWithMemory, relationAt, type SeenPath } from './seen-path.ts';

/** A part of a path that should be probed again at once: one probe for each TTL and flow. */
export interface Confirmation {
  /** First of the flows to trace. */
  readonly flow: number;
  /** How many, from `flow` on; a caller that cannot trace several may trace the first only. */
  readonly flows: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
  /** Traces, this one included, that may still be asked for. */
  readonly attempts: number;
}

export type Step = 'flow' | 'edge' | 'own' | 'extra' | 'done';

/** An RTT seen while the suspicion lasts. */
export interface DelaySample {
  readonly ttl: number;
  readonly address: string;
  readonly rttMs: number;
  readonly replyTtl: number;
}

const FLOW_TRACES = 3;
const EDGE_TRACES = 3;
const OWN_TRACES = 2;
const EXTRA_TRACES = 2;
const FLOWS_PER_EXTRA = 6;
const VOTES_NEEDED = 2;
/** A suspicion that so many later rounds could not decide is dropped. */
const MOST_ROUNDS = 3;
/** A hop that answers less often than this is not asked for again. */
const EDGE_REPLY_RATE = 0.1;
const MAX_SAMPLES = 512;
/** Rounds after which a path is settled: its spread hops and its aliases are known by then. */
export const SETTLED_ROUNDS = 8;
/** Sights of a TTL, none of a router known there, that outweigh its not being steady. */
const STRANGERS = 5;
/** An overshooting destination is believed to be farther when its silence where it was has at most this probability. */
const OVERSHOOT_ALPHA = 1e-9;

export class Investigation {
  readonly memory: DestinationMemory;
  readonly flow: number;
  /** The destination answers beyond its TTL, and nothing else differs. */
  readonly overshoot: boolean;
  step: Step = 'flow';
  proven = false;
  first: number;
  /** TTLs at which the suspected flow showed another address than expected. */
  readonly ttls: Set<number> = new Set();
  /** The latest address that the suspected flow showed by TTL. */
  readonly candidate: Map<number, string> = new Map();
  /** The latest sight of each fixed flow. */
  readonly paths: Map<number, SeenPath> = new Map();
  /** What flows beyond the fixed ones showed at `first` and the TTL before it. */
  readonly extras: SeenPath[] = [];
  readonly samples: DelaySample[] = [];
  votesNew = 0;
  votesOld = 0;
  readonly #length: number;
  readonly #signs = new Map<number, string>();
  readonly #agreed = new Set<number>();
  /** TTLs that showed both. */
  readonly #wavering = new Set<number>();
  /** Flows seen afresh in the step `own`. */
  readonly #asked = new Set<number>();
  /** What the suspected flow showed by TTL, each once. */
  readonly #shown = new Map<number, string[]>();
  #traces = FLOW_TRACES;
  #rounds = 0;
  #sighted = false;
  #samplesAreFirst = true;

  constructor(memory: DestinationMemory, flow: number, paths: readonly SeenPath[], comparison: Comparison) {
    this.memory = memory;
    this.flow = flow;
    this.overshoot = comparison.difference === null;
    this.#length = memory.lengthOf(flow);
    this.first = comparison.difference?.first ?? this.#length;
    for (const path of paths) this.paths.set(path.flow, path);
    const own = this.paths.get(flow);
    if (own !== undefined) this.#record(own, comparison, false);
  }

  /** TTL at which the suspected flow expects the destination, 0 for none. */
  get length(): number {
    return this.#length;
  }

  wanted(): Confirmation | null {
    const { flow, first, memory } = this;
    const top = Math.min(255, Math.max(this.#length, ...this.candidate.keys()) + 1);
    if (this.step === 'flow') {
      if (this.#traces <= 0) return null;
      if (this.overshoot)
        return { flow: 0, flows: memory.flows, firstTtl: first, maxTtl: top, attempts: this.#traces };
      // The last hop that agrees is asked along: its delay is what the others' are compared with.
      const firstTtl = this.#traces === FLOW_TRACES ? 1 : Math.max(1, this.#agreedBelow(first));
      return { flow, flows: 1, firstTtl, maxTtl: top, attempts: this.#traces };
    }
    if (this.step === 'edge') {
      const unseen = this.#unseenEdge();
      const firstTtl = unseen[0];
      if (firstTtl !== undefined) {
        return { flow, flows: 1, firstTtl, maxTtl: Math.max(firstTtl, first - 1), attempts: this.#traces };
      }
    }
    if (this.step === 'own') {
      // Where the end moved, flows of other lengths must be seen from before their own.
      const end = this.ttls.has(this.#length) || this.#endsAnew() ? Math.min(...this.#lengths()) - 2 : first;
      const firstTtl = Math.max(1, Math.min(first, end));
      return { flow: 0, flows: memory.flows, firstTtl, maxTtl: top, attempts: this.#traces };
    }
    if (this.step === 'extra') {
      const next = memory.flows + (EXTRA_TRACES - this.#traces) * FLOWS_PER_EXTRA;
      return {
        flow: next,
        flows: FLOWS_PER_EXTRA,
        firstTtl: Math.max(1, first - 1),
        maxTtl: first,
        attempts: this.#traces,
      };
    }
    return null;
  }

  /** Lengths of all fixed flows that have one; 255 where none has. */
  #lengths(): number[] {
    const lengths = [255];
    for (let flow = 0; flow < this.memory.flows; flow++) {
      const length = this.memory.lengthOf(flow);
      if (length > 0) lengths.push(length);
    }
    return lengths;
  }

  #endsAnew(): boolean {
    return [...this.ttls].some((ttl) => this.candidate.get(ttl) === DESTINATION_MARK);
  }

  /** The answer to what was wanted. */
  take(paths: readonly SeenPath[]): void {
    if (this.step === 'flow') this.#takeVote(paths);
    else if (this.step === 'edge') this.#takeEdge(paths.find((path) => path.flow === this.flow));
    else if (this.step === 'own') this.#takeOwn(paths);
    else if (this.step === 'extra') this.#takeExtra(paths);
  }

  /** A whole later round: it votes, and it is a fresh sight of all fixed flows. */
  takeRound(paths: readonly SeenPath[]): void {
    this.#rounds++;
    for (const path of paths) this.paths.set(path.flow, path);
    const own = paths.find((path) => path.flow === this.flow);
    if (this.step === 'flow') {
      this.#traces = 2;
      this.#takeVote(paths);
      if (this.proven) this.#close();
      else if (this.#rounds >= MOST_ROUNDS) this.#dismiss();
      else this.#traces = FLOW_TRACES;
      return;
    }
    if (own === undefined) return;
    const comparison = compareWithMemory(this.memory, own);
    if (this.#record(own, comparison, true) || comparison.difference === null) this.#dismiss();
    else this.#close();
  }

  /** Takes the RTTs of a trace. Those of the first sight count only while there are none from after it. */
  addSamples(trace: Trace): void {
    if (this.#sighted && this.#samplesAreFirst) {
      this.samples.length = 0;
      this.#samplesAreFirst = false;
    }
    this.#sighted = true;
    for (const hop of trace.hops) {
      for (const { address, rttMs, replyTtl = 0 } of hop.replies) {
        if (this.samples.length < MAX_SAMPLES) this.samples.push({ ttl: hop.ttl, address, rttMs, replyTtl });
      }
    }
  }

  /** Whether `address` stands against what `flow` of memory expects at `ttl`. */
  #record(path: SeenPath, comparison: Comparison, fresh: boolean): boolean {
    let old = false;
    let differs = false;
    for (let ttl = path.firstTtl; ttl <= path.hops.length; ttl++) {
      const address = addressAt(path, ttl);
      if (address === '') continue;
      this.#show(ttl, path.hops[ttl - 1] ?? []);
      const relation = relationAt(this.memory, path, this.#length, ttl);
      if (relation === 'same') {
        // An agreement of the first sight may be from before the change.
        if (fresh) this.#agreed.add(ttl);
        if (this.ttls.has(ttl)) {
          old = true;
          this.#sign(ttl, 'o');
        }
      } else if (relation === 'differs') {
        this.#sign(ttl, 'n');
        if (!this.#wavering.has(ttl)) {
          this.ttls.add(ttl);
          if (!this.#agreed.has(ttl)) differs = true;
        }
      }
      if (fresh || relation !== 'same') this.candidate.set(ttl, address);
    }
    if (comparison.difference !== null) this.first = Math.min(this.first, comparison.difference.first);
    if (fresh && differs) this.#setAside();
    return old && !differs;
  }

  /** A TTL that showed both the old and the new, in paths that otherwise differ, spreads packets: it decides nothing. */
  #setAside(): void {
    for (const ttl of this.ttls) {
      if (!this.#agreed.has(ttl)) continue;
      this.ttls.delete(ttl);
      this.#wavering.add(ttl);
      this.candidate.set(ttl, this.memory.expectedAddress(this.flow, ttl));
    }
    const ttl = Math.min(...this.ttls);
    this.first = this.#length > 0 ? Math.min(ttl, this.#length) : ttl;
  }

  #show(ttl: number, addresses: readonly string[]): void {
    const shown = this.#shown.get(ttl) ?? [];
    for (const address of addresses) {
      if (!shown.some((other) => this.memory.alike(ttl, other, address))) shown.push(address);
    }
    this.#shown.set(ttl, shown);
  }

  /** One flow showed several positions at this TTL within seconds: its packets are spread, or its way is not settled. */
  isUnsteady(ttl: number): boolean {
    return (this.#shown.get(ttl)?.length ?? 0) > 1;
  }

  /** Whether packets of one flow are known, or now seen, to meet several routers at `ttl`. */
  isSpread(ttl: number): boolean {
    return this.isUnsteady(ttl) || this.memory.isSpread(ttl);
  }

  /** Whether the strangers at `ttl` say more than that packets are spread there. */
  isTelling(ttl: number): boolean {
    return !this.isSpread(ttl) || this.#onlyStrangers(ttl);
  }

  /** Whether all that speaks against memory are routers that other flows met there already. */
  isFollowing(): boolean {
    return [...this.ttls].every(
      (ttl) => this.isUnsteady(ttl) || this.memory.knows(ttl, this.candidate.get(ttl) ?? ''),
    );
  }

  /** Whether some TTL speaks against memory that does not just spread packets over routers known there. */
  #stands(): boolean {
    if (this.overshoot) return true;
    return [...this.ttls].some((ttl) => !this.isUnsteady(ttl) || this.#onlyStrangers(ttl));
  }

  #onlyStrangers(ttl: number): boolean {
    let sights = (this.#signs.get(ttl) ?? '').length;
    for (const path of this.paths.values()) {
      const set = path.hops[ttl - 1] ?? [];
      if (set.some((address) => this.memory.knows(ttl, address))) return false;
      if (set.length > 0 && path.flow !== this.flow) sights++;
    }
    return (
      sights >= STRANGERS && !(this.#shown.get(ttl) ?? []).some((address) => this.memory.knows(ttl, address))
    );
  }

  #takeVote(paths: readonly SeenPath[]): void {
    this.#traces--;
    const path = paths.find((each) => each.flow === this.flow);
    if (this.overshoot) this.#voteOvershoot(paths);
    else if (path !== undefined) this.#voteAddresses(path, compareWithMemory(this.memory, path));
    if (this.#refuted()) this.#dismiss();
    else if (this.#convinced()) this.#prove();
    // Nothing decisive: the next round will say more.
  }

  #voteAddresses(path: SeenPath, comparison: Comparison): void {
    const old = this.#record(path, comparison, true);
    if (old) this.votesOld++;
    else if ((comparison.difference?.ttls ?? []).some((ttl) => this.ttls.has(ttl))) {
      this.votesNew++;
      this.paths.set(this.flow, overlay(this.paths.get(this.flow), path));
    }
  }

  #voteOvershoot(paths: readonly SeenPath[]): void {
    for (const path of paths) {
      const length = this.memory.lengthOf(path.flow);
      const comparison = compareWithMemory(this.memory, path);
      const nearer = path.reachedTtl > 0 && path.reachedTtl <= length;
      if (comparison.overshoot) this.memory.noteOvershoot(path.flow, path.silentTries[length] ?? 1);
      else if (nearer) this.memory.overshoots[path.flow] = 0;
      this.paths.set(path.flow, path);
      if (path.flow !== this.flow) continue;
      if (comparison.overshoot) this.votesNew++;
      else if (nearer || comparison.difference !== null) this.votesOld++;
    }
  }

  #refuted(): boolean {
    if (this.votesOld === 0) return false;
    // Once more, if this path is young or this has been seen before: is it a hop that alternates?
    const curious =
      this.memory.settled < SETTLED_ROUNDS || [...this.ttls].some((ttl) => this.#timesSuspected(ttl) > 0);
    return !curious || this.#traces <= 0;
  }

  #timesSuspected(ttl: number): number {
    return this.memory.timesSuspected(ttl, this.candidate.get(ttl) ?? '');
  }

  #convinced(): boolean {
    if (this.votesOld > 0) return false;
    if (this.overshoot) {
      const misses = this.memory.overshoots.reduce((sum, count) => sum + (count ?? 0), 0);
      return (
        this.votesNew >= VOTES_NEEDED && this.memory.destinationSilenceIsImprobable(misses, OVERSHOOT_ALPHA)
      );
    }
    // The whole of the three where anything looks unsteady: a short path through it, a third address.
    const steady = this.ttls.size > 1 && ![...this.ttls].some((ttl) => this.isUnsteady(ttl));
    return this.votesNew >= (steady ? VOTES_NEEDED : Math.min(3, VOTES_NEEDED + Math.max(0, this.#traces)));
  }

  #prove(): void {
    this.proven = true;
    this.#traces = EDGE_TRACES;
    this.step = 'edge';
    if (this.#unseenEdge().length === 0 || this.overshoot) this.#leaveEdge();
  }

  #takeEdge(path: SeenPath | undefined): void {
    this.#traces--;
    if (path !== undefined) this.#record(path, compareWithMemory(this.memory, path), true);
    if (this.#traces <= 0 || this.#unseenEdge().length === 0) this.#leaveEdge();
  }

  /** TTLs below the change that memory knows, above the last that is known to be unchanged, and that have not answered. */
  #unseenEdge(): number[] {
    const from = this.#agreedBelow(this.first) + 1;
    const unseen: number[] = [];
    for (let ttl = from; ttl < this.first; ttl++) {
      if (this.memory.expected(this.flow, ttl) === 0) continue;
      const tries = this.memory.triesAt(ttl);
      if (tries > 0 && this.memory.hitsAt(ttl) / tries >= EDGE_REPLY_RATE) unseen.push(ttl);
    }
    return unseen;
  }

  #agreedBelow(ttl: number): number {
    for (let t = ttl - 1; t >= 1; t--) if (this.#agreed.has(t)) return t;
    return 0;
  }

  #leaveEdge(): void {
    // A flow that agrees at the changed TTL may have been traced before the change.
    const doubtful = [...this.paths.values()].some((path) => {
      if (path.flow === this.flow || this.overshoot) return false;
      const { difference } = compareWithMemory(this.memory, path);
      return difference === null || difference.first > this.first;
    });
    this.#traces = OWN_TRACES;
    if (doubtful) this.step = 'own';
    else this.#leaveOwn();
  }

  #takeOwn(paths: readonly SeenPath[]): void {
    this.#traces--;
    for (const path of paths) {
      const comparison = compareWithMemory(this.memory, path);
      if (path.flow === this.flow && this.#record(path, comparison, true)) {
        this.votesOld++;
        this.#dismiss();
        return;
      }
      // What was seen from here on before may be from before the change.
      const earlier = this.#asked.has(path.flow)
        ? this.paths.get(path.flow)
        : cutBefore(this.paths.get(path.flow), path.firstTtl);
      this.#asked.add(path.flow);
      this.paths.set(path.flow, overlay(earlier, path));
    }
    const unseen = [...this.paths.values()].some(
      (path) => this.memory.expected(path.flow, this.first) !== 0 && addressAt(path, this.first) === '',
    );
    if (this.#traces <= 0 || !unseen) this.#leaveOwn();
  }

  #leaveOwn(): void {
    if (!this.overshoot && this.#balancedAtFirst() && !this.oldInUse()) {
      this.step = 'extra';
      this.#traces = EXTRA_TRACES;
    } else this.#close();
  }

  #takeExtra(paths: readonly SeenPath[]): void {
    this.#traces--;
    this.extras.push(...paths);
    if (this.#traces <= 0 || this.oldInUse()) this.#close();
  }

  /** Whether memory knows several positions at the first differing TTL: flows part there. */
  #balancedAtFirst(): boolean {
    const { memory, first } = this;
    if (!memory.isShared(first)) return true;
    return memory.siblings.some((sibling) => sibling.ttl === first);
  }

  /** Whether a router that a moved flow used at its first differing TTL still carries some flow. */
  oldInUse(): boolean {
    return this.movedFlows().some((flow) => {
      const first = this.firstOf(flow);
      const old = this.memory.expectedAddress(flow, first);
      return old !== '' && this.besides(flow).some((each) => this.memory.alike(first, old, each));
    });
  }

  /**
   * Addresses that flows show now at the first differing TTL of a moved flow, beside it, itself included: behind the
   * same router, for where branches are of unequal length, other parts of the route show at the same TTL.
   */
  besides(flow: number): string[] {
    const first = this.firstOf(flow);
    const shown: string[] = [];
    for (const path of this.#parallelTo(flow)) shown.push(...(path.hops[first - 1] ?? []));
    return shown;
  }

  /** Fixed flows beside a moved one that were seen to stay where they were. */
  unmovedBeside(flow: number): number {
    const moved = this.movedFlows();
    const first = this.firstOf(flow);
    const stays = (path: SeenPath): boolean =>
      path.flow < this.memory.flows && !moved.includes(path.flow) && addressAt(path, first) !== '';
    return this.#parallelTo(flow).filter(stays).length;
  }

  #parallelTo(flow: number): SeenPath[] {
    const { memory, paths } = this;
    const first = this.firstOf(flow);
    const anchor = this.#anchorOf(flow, first);
    const parallel = [...paths.values()].filter((path) =>
      this.#passes(this.#shownAt(path.flow, anchor.ttl), anchor),
    );
    if (first !== this.first) return parallel;
    return [
      ...parallel,
      ...this.extras.filter((path) => this.#passes(path.hops[anchor.ttl - 1] ?? [], anchor)),
    ].filter((path) => path.flow >= memory.flows || (path.hops[first - 1] ?? []).length > 0);
  }

  #passes(
    shown: readonly string[],
    anchor: { readonly ttl: number; readonly set: readonly string[] },
  ): boolean {
    if (anchor.ttl === 0) return true;
    return shown.some((a) => anchor.set.some((b) => this.memory.alike(anchor.ttl, a, b)));
  }

  /** The nearest TTL below `first` at which the flow shows something: who passes there too is beside it. */
  #anchorOf(flow: number, first: number): { readonly ttl: number; readonly set: readonly string[] } {
    for (let ttl = first - 1; ttl >= 1; ttl--) {
      const set = this.#shownAt(flow, ttl);
      if (set.length > 0) return { ttl, set };
    }
    return { ttl: 0, set: [] };
  }

  /** What a fixed flow shows at a TTL, or is expected to. */
  #shownAt(flow: number, ttl: number): readonly string[] {
    const shown = this.paths.get(flow)?.hops[ttl - 1] ?? [];
    if (shown.length > 0) return shown;
    const expected = this.memory.expectedAddress(flow, ttl);
    return expected === '' ? [] : [expected];
  }

  /** First TTL at which a moved flow differs: paths of unequal length part at different TTLs. */
  firstOf(flow: number): number {
    const path = this.paths.get(flow);
    if (flow === this.flow || path === undefined) return this.first;
    return compareWithMemory(this.memory, path).difference?.first ?? this.first;
  }

  /** Flows whose latest sight stands against memory at or after the first differing TTL; the suspected one among them. */
  movedFlows(): number[] {
    const moved: number[] = [];
    for (const path of this.paths.values()) {
      if (path.flow === this.flow) moved.push(path.flow);
      else if (this.#movedToo(path)) moved.push(path.flow);
    }
    return moved.sort((a, b) => a - b);
  }

  #movedToo(path: SeenPath): boolean {
    const comparison = compareWithMemory(this.memory, path);
    if (this.overshoot) return comparison.overshoot && (this.memory.overshoots[path.flow] ?? 0) > 0;
    const { difference } = comparison;
    return difference?.ttls.some((ttl) => ttl >= this.first && !this.#wavering.has(ttl)) ?? false;
  }

  #sign(ttl: number, sign: 'n' | 'o'): void {
    this.#signs.set(ttl, (this.#signs.get(ttl) ?? '') + sign);
  }

  #close(): void {
    if (!this.#stands()) this.#dismiss();
    else this.step = 'done';
  }

  /** No change. What alternated is remembered: at once where it went to and fro, else when it comes again. */
  #dismiss(): void {
    this.step = 'done';
    this.proven = false;
    for (const ttl of [...this.ttls, ...this.#wavering]) {
      const signs = this.#signs.get(ttl) ?? '';
      const returned = signs.includes('on');
      const unsteady = this.isUnsteady(ttl) && !this.#onlyStrangers(ttl);
      if (unsteady) this.memory.noteAlternation(ttl, returned || !signs.includes('o') ? 2 : 1);
      const address = this.candidate.get(ttl) ?? '';
      const expected = this.memory.expectedAddress(this.flow, ttl);
      if (address === '' || expected === '') continue;
      const times = this.memory.suspect(ttl, address);
      if (returned || (this.ttls.size <= 1 && times >= 3)) this.memory.unite(ttl, expected, address);
    }
  }

  /**
   * First differing TTL over all flows that moved to the same routers: where branches are of unequal length, they meet
   * the change at different TTLs.
   */
  firstOfAll(): number {
    const own = this.#strangersOf(this.flow);
    let first = this.first;
    for (const flow of this.movedFlows()) {
      const shares = this.overshoot || [...this.#strangersOf(flow)].some((address) => own.has(address));
      if (shares) first = Math.min(first, this.overshoot ? this.memory.lengthOf(flow) : this.firstOf(flow));
    }
    return first;
  }

  /** The routers that a flow newly meets. */
  #strangersOf(flow: number): Set<string> {
    const path = this.paths.get(flow);
    const strangers = new Set<string>();
    if (path === undefined) return strangers;
    const ttls =
      flow === this.flow ? this.ttls : (compareWithMemory(this.memory, path).difference?.ttls ?? []);
    for (const ttl of ttls) {
      const address = flow === this.flow ? (this.candidate.get(ttl) ?? '') : addressAt(path, ttl);
      if (address !== '' && address !== DESTINATION_MARK) strangers.add(address);
    }
    return strangers;
  }
}

/** The newer sight over the older: the newer where it was probed and answered, or shows that the path ends. */
function overlay(older: SeenPath | undefined, newer: SeenPath): SeenPath {
  if (older === undefined) return newer;
  const hops: (readonly string[])[] = [];
  const length = newer.reachedTtl > 0 ? newer.reachedTtl : Math.max(older.hops.length, newer.hops.length);
  for (let ttl = 1; ttl <= length; ttl++) {
    const fresh = newer.hops[ttl - 1] ?? [];
    hops.push(fresh.length > 0 ? fresh : remaining(older, newer, ttl));
  }
  const reachedTtl = hops.findIndex((set) => set.includes(DESTINATION_MARK)) + 1;
  return {
    ...newer,
    hops: reachedTtl > 0 ? hops.slice(0, reachedTtl) : hops,
    reachedTtl,
    firstTtl: Math.min(older.firstTtl, newer.firstTtl),
    lastTtl: Math.max(older.lastTtl, newer.lastTtl),
  };
}

/** What a sight says of the TTLs before one. */
function cutBefore(path: SeenPath | undefined, ttl: number): SeenPath | undefined {
  if (path === undefined) return undefined;
  const reachedTtl = path.reachedTtl < ttl ? path.reachedTtl : 0;
  return { ...path, hops: path.hops.slice(0, ttl - 1), reachedTtl };
}

/** What the older sight still says of a TTL where the newer is silent: not that the path ends there, if it went on. */
function remaining(older: SeenPath, newer: SeenPath, ttl: number): readonly string[] {
  const set = older.hops[ttl - 1] ?? [];
  const endsLater = newer.reachedTtl > ttl || newer.hops.some((hop, i) => i >= ttl && hop.length > 0);
  return endsLater ? set.filter((address) => address !== DESTINATION_MARK) : set;
}
