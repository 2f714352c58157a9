// What is known of a path's MTU while it is searched for: the longest packet that arrived, what is too long and how
// well that is proven, and which lengths to try next. No probes and no time in here.
// Invariant: a router's word makes a length too long; silence does only after as many silent tries as loss can explain
// no longer, each beside a shorter packet that left later and arrived.

import type { Family } from './network.ts';

/** RFC 791 and RFC 8200 section 5: what every link must carry. A path that does not is broken in other ways. */
export const LEAST_MTU: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };
export const LONGEST_PACKET = 65_535;

/** Lengths that links really have: RFC 1191 table 7-1, jumbo frames, and what tunnels over 1500 bytes leave. */
const PLATEAUS = [
  65_535, 32_000, 17_914, 9216, 9000, 8166, 4464, 4352, 2002, 1500, 1492, 1480, 1476, 1460, 1454, 1442, 1420,
  1400, 1380, 1350, 1300, 1280, 1006, 576, 508, 296, 68,
] as const;

/** Lengths tried side by side. */
const WIDTH = 6;
/** Silent tries that prove a length too long while nothing else gets lost, and the most that are ever made. */
const LEAST_TRIES = 3;
const MOST_TRIES = 10;
/** Chance that loss alone would have made the tries silent. */
const FALSE_ALARM = 5e-4;
/** Loss is not believed to be lower than this, however little of it was seen. */
const LEAST_LOSS = 0.075;

/** A router's word that a packet was too long. */
export interface Refusal {
  /** Length of the packet refused. */
  readonly length: number;
  readonly address: string;
  /** MTU of the next link as the router gave it; 0 where it gave none that can be true. */
  readonly claim: number;
  /** TTL that the packet left with, and that its quote still had; -1 where the quote is not seen. */
  readonly ttl: number;
  readonly quotedTtl: number;
}

export class MtuBracket {
  /** The longest that the interface takes, as far as known. */
  top: number = LONGEST_PACKET;
  readonly #least: number;
  /** By the length refused; the first word on each length stands. */
  readonly #refusals = new Map<number, Refusal>();
  readonly #liars = new Set<string>();
  /** Silent tries by length, each beside a shorter packet that arrived. */
  readonly #misses = new Map<number, number>();
  #lo: number;
  #topTried = false;
  #shortSent = 0;
  #shortLost = 0;

  constructor(family: Family) {
    this.#least = LEAST_MTU[family];
    this.#lo = this.#least - 1;
  }

  /** The longest packet that arrived; 0 while none of a length that matters did. */
  get arrivedLength(): number {
    return this.#lo >= this.#least ? this.#lo : 0;
  }

  /** The shortest that did not get through, by word or by silence; one more than the interface takes where all did. */
  get upper(): number {
    let upper = this.top + 1;
    for (const length of this.#refusals.keys()) if (length > this.#lo) upper = Math.min(upper, length);
    for (const length of this.#misses.keys()) if (length > this.#lo) upper = Math.min(upper, length);
    return upper;
  }

  /** Everything is known that can be: one byte more than what arrived is too long. */
  get settled(): boolean {
    return this.upper === this.#lo + 1 && this.#isProven(this.#lo + 1);
  }

  /** Who refused the shortest packet that was refused and still is too long, if anybody did. */
  get tightest(): Refusal | undefined {
    let tightest: Refusal | undefined;
    for (const refusal of this.#refusals.values()) {
      if (refusal.length > this.#lo && refusal.length < (tightest?.length ?? Number.POSITIVE_INFINITY))
        tightest = refusal;
    }
    return tightest;
  }

  /** What honest routers refused, the longest first. */
  get refusals(): readonly Refusal[] {
    const honest = [...this.#refusals.values()].filter(({ address }) => !this.#liars.has(address));
    return honest.sort((a, b) => b.length - a.length);
  }

  /** The narrowest next-hop MTU that a router gave and that nothing has contradicted; 0 for none. */
  get claim(): number {
    const upper = this.#shortestRefused();
    let claim = 0;
    for (const refusal of this.#refusals.values()) {
      if (
        this.#liars.has(refusal.address) ||
        refusal.claim < this.#lo ||
        refusal.claim >= upper ||
        this.#missesUpTo(refusal.claim) >= this.#tries()
      )
        continue;
      if (claim === 0 || refusal.claim < claim) claim = refusal.claim;
    }
    return claim;
  }

  arrived(length: number): void {
    this.#lo = Math.max(this.#lo, Math.min(length, this.top));
    for (const missed of this.#misses.keys()) if (missed <= this.#lo) this.#misses.delete(missed);
  }

  /** @param claim as it came. */
  refused(refusal: Refusal): void {
    const { length, claim, address } = refusal;
    if (this.#refusals.has(length)) return;
    // A router that refuses what it has asked for is not listened to again: it could ask for ever.
    for (const earlier of this.#refusals.values()) {
      if (earlier.address === address && earlier.claim >= length) this.#liars.add(address);
    }
    const credible = claim >= this.#least && claim < length;
    this.#refusals.set(length, { ...refusal, claim: credible ? claim : 0 });
  }

  /** A packet of this length got no answer, and a shorter one that left after it did. */
  missed(length: number): void {
    if (length > this.#lo) this.#misses.set(length, (this.#misses.get(length) ?? 0) + 1);
  }

  /** What became of a packet known to be short enough: it tells how much gets lost. */
  short(answered: boolean): void {
    this.#shortSent++;
    if (!answered) this.#shortLost++;
  }

  /** Silence heard so far was about something else: begin anew without it. */
  forgetSilence(): void {
    this.#misses.clear();
    this.#shortSent = 0;
    this.#shortLost = 0;
    this.#topTried = false;
  }

  /** The interface does not take this length; `limit` is what it takes, 0 where the system did not say. */
  refusedHere(length: number, limit: number): void {
    const known = limit >= this.#least && limit < length;
    this.top = Math.min(
      this.top,
      known ? limit : (PLATEAUS.find((plateau) => plateau < length) ?? this.#least),
    );
    this.#topTried = false;
  }

  /** Lengths to send next, longest first; the same one several times where it is to be proven. None once settled. */
  next(): number[] {
    if (!this.#topTried) {
      this.#topTried = true;
      if (this.#lo < this.top) return [this.top];
    }
    const upper = this.upper;
    if (upper <= this.#lo + 1) {
      const missing = this.#isProven(upper) ? 0 : this.#tries() - this.#missesUpTo(upper);
      return new Array<number>(missing).fill(upper);
    }
    const claim = this.claim;
    if (claim > this.#lo) {
      const beyond = claim + 1 < this.#shortestRefused() && this.#missesUpTo(claim + 1) < this.#tries();
      return beyond && claim < this.top ? [claim + 1, claim] : [claim];
    }
    return ladder(this.#lo, upper, upper > this.top);
  }

  #isProven(length: number): boolean {
    return length > this.top || this.#refusals.has(length) || this.#missesUpTo(length) >= this.#tries();
  }

  #shortestRefused(): number {
    return this.tightest?.length ?? Number.POSITIVE_INFINITY;
  }

  /** Were `length` short enough, everything up to it would be: each of these silences would be loss. */
  #missesUpTo(length: number): number {
    let misses = 0;
    for (const [missed, times] of this.#misses) if (missed <= length) misses += times;
    return misses;
  }

  #tries(): number {
    // Half a loss more than was seen (Krichevsky and Trofimov): three answers out of three are no promise.
    const loss = Math.max(LEAST_LOSS, (this.#shortLost + 0.5) / (this.#shortSent + 1));
    const tries = Math.ceil(Math.log(FALSE_ALARM) / Math.log(loss));
    return Math.min(MOST_TRIES, Math.max(LEAST_TRIES, tries));
  }
}

/** Lengths between `lo` and `upper`, longest first: common ones while there are any, then evenly spread. */
function ladder(lo: number, upper: number, withTop: boolean): number[] {
  const inside = upper - lo - 1;
  if (inside <= WIDTH) return Array.from({ length: inside }, (_, i) => upper - 1 - i);
  const common = PLATEAUS.filter((length) => length > lo && length < upper);
  const lengths = new Set<number>();
  if (withTop) lengths.add(upper - 1);
  if (common.length > 0) {
    for (let i = 0; i < WIDTH; i++) {
      const at = Math.round((i * (common.length - 1)) / (WIDTH - 1));
      lengths.add(common[at] as number);
    }
  } else for (let i = WIDTH; i >= 1; i--) lengths.add(lo + Math.round((i * inside) / (WIDTH + 1)));
  // Most likely what arrived is one of the common lengths, and no more than that.
  lengths.add(lo + 1);
  return [...lengths].sort((a, b) => b - a);
}
