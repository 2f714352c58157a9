// What many rounds of one target add up to, hop by hop. Invariant: a probe still on its way is counted neither as sent
// nor as lost; a router that leaves replies out is not charged with loss that the hops behind it do not see.

import { forwardLoss } from '../path/hop-health.ts';
import { ReturnPathWatch, type ReturnShift } from '../path/return-path.ts';
import type { Hop, Trace } from '../trace/trace.ts';

export interface WatchRow {
  readonly ttl: number;
  /** That of the first flow first; empty while nobody answered. */
  readonly addresses: readonly string[];
  readonly sent: number;
  /** Share of the probes that this hop itself answered; null when none was sent. */
  readonly answerRatio: number | null;
  /**
   * Loss that persists to the destination: the least loss of this hop and all that answer behind it. Null where nobody
   * answers from here on.
   */
  readonly lossRatio: number | null;
  readonly rtt: WatchRtt | null;
  /** The latest shift of its replies' TTL. */
  readonly returnShift: ReturnShift | null;
}

/** Milliseconds. */
export interface WatchRtt {
  readonly last: number;
  readonly avg: number;
  readonly best: number;
  readonly worst: number;
  /** Of the sample; 0 with one reply. */
  readonly stdev: number;
}

/** Addresses remembered at one TTL. */
const MAX_ADDRESSES = 8;

/** Running moments by Welford's method. */
class HopTally {
  sent = 0;
  answered = 0;
  addresses: string[] = [];
  #last = 0;
  #mean = 0;
  #squares = 0;
  #best = Number.POSITIVE_INFINITY;
  #worst = 0;

  take(hop: Hop, sent: number): void {
    this.sent += sent;
    // The first reply is the first flow's: when its way changes, the new address goes to the top, once.
    const [first] = hop.replies;
    if (first !== undefined && this.addresses[0] !== first.address) this.#name(first.address, 0);
    for (const { address, rttMs } of hop.replies) {
      if (!this.addresses.includes(address)) this.#name(address, MAX_ADDRESSES - 1);
      this.answered++;
      this.#last = rttMs;
      const off = rttMs - this.#mean;
      this.#mean += off / this.answered;
      this.#squares += off * (rttMs - this.#mean);
      this.#best = Math.min(this.#best, rttMs);
      this.#worst = Math.max(this.#worst, rttMs);
    }
  }

  #name(address: string, place: number): void {
    const others = this.addresses.filter((other) => other !== address);
    this.addresses = [...others.slice(0, place), address, ...others.slice(place)].slice(0, MAX_ADDRESSES);
  }

  get rtt(): WatchRtt | null {
    if (this.answered === 0) return null;
    const stdev = this.answered < 2 ? 0 : Math.sqrt(this.#squares / (this.answered - 1));
    return { last: this.#last, avg: this.#mean, best: this.#best, worst: this.#worst, stdev };
  }

  copy(): HopTally {
    const copy = new HopTally();
    copy.sent = this.sent;
    copy.answered = this.answered;
    copy.addresses = this.addresses;
    copy.#last = this.#last;
    copy.#mean = this.#mean;
    copy.#squares = this.#squares;
    copy.#best = this.#best;
    copy.#worst = this.#worst;
    return copy;
  }
}

export class WatchStatistics {
  #rounds = 0;
  #reached = 0;
  /** TTL at which the destination answered last; 0 when it never did. */
  #distance = 0;
  /** Of the latest round. */
  #lastTtl = 0;
  /** By TTL; at most 255. */
  #hops = new Map<number, HopTally>();
  #returns = new ReturnPathWatch();
  /** By TTL. */
  #shifts = new Map<number, ReturnShift>();

  get rounds(): number {
    return this.#rounds;
  }

  /** Rounds in which the destination answered. */
  get reachedRounds(): number {
    return this.#reached;
  }

  get distance(): number {
    return this.#distance;
  }

  reset(): void {
    this.#rounds = 0;
    this.#reached = 0;
    this.#distance = 0;
    this.#lastTtl = 0;
    this.#hops = new Map();
    this.#returns = new ReturnPathWatch();
    this.#shifts = new Map();
  }

  /** Takes a whole round. */
  add(trace: Trace): void {
    this.#rounds++;
    this.#take(trace, (hop) => hop.sent);
    if (trace.reached) this.#reached++;
    for (const shift of this.#returns.observe(trace)) this.#shifts.set(shift.ttl, shift);
  }

  /** Rows up to the destination, or as far as probes went. `partial` is a round under way. */
  rows(partial: Trace | null = null): WatchRow[] {
    if (partial === null) return this.#rows();
    const sum = new WatchStatistics();
    sum.#distance = this.#distance;
    sum.#shifts = this.#shifts;
    sum.#hops = new Map([...this.#hops].map(([ttl, tally]) => [ttl, tally.copy()]));
    sum.#take(partial, (hop) => hop.replies.length);
    sum.#lastTtl = Math.max(this.#lastTtl, sum.#lastTtl);
    return sum.#rows();
  }

  #take(trace: Trace, sentOf: (hop: Hop) => number): void {
    for (const hop of trace.hops) {
      const tally = this.#hops.get(hop.ttl) ?? new HopTally();
      tally.take(hop, sentOf(hop));
      this.#hops.set(hop.ttl, tally);
    }
    this.#lastTtl = trace.hops.at(-1)?.ttl ?? 0;
    if (trace.reached) this.#distance = trace.hopCount;
  }

  #rows(): WatchRow[] {
    const end = this.#distance > 0 ? this.#distance : this.#lastTtl;
    const tallies = [...this.#hops].filter(([ttl]) => ttl <= end).sort(([a], [b]) => a - b);
    const losses = forwardLoss(
      tallies.map(([, { sent, answered }]) => ({ sent, lost: sent - answered, heard: answered > 0 })),
      1,
    );
    return tallies.map(([ttl, { addresses, sent, answered, rtt }], i) => {
      const answerRatio = sent === 0 ? null : answered / sent;
      const returnShift = this.#shifts.get(ttl) ?? null;
      return { ttl, addresses, sent, answerRatio, lossRatio: losses[i] ?? null, rtt, returnShift };
    });
  }
}
