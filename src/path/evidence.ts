// What the traces of a suspicion say about each fixed flow, held against memory. Invariant: only traces from after the
// first sight prove anything, since the first may have been under way while the route changed; silence says nothing.
//
// A position is what flows with one expectation at a TTL share. Where packets of one flow meet several routers, the
// position as a whole is compared: it stands while anybody still meets one of its known routers.

import type { Trace } from '../trace/trace.ts';
import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { Positions } from './positions.ts';
import { compareWithMemory, relationAt, type SeenPath } from './seen-path.ts';
import { Sights } from './sights.ts';

/** How one flow stands to its memory. */
export interface FlowStanding {
  readonly flow: number;
  /** TTLs at which another position than the expected one is proven, ascending. */
  readonly differs: readonly number[];
  /** TTLs that had long been silent: what is new there may be older than the change. */
  readonly stale: readonly number[];
  /** TTL at which the flow cannot have gone the old way any more; 0 while nothing differs. */
  readonly first: number;
  /** Traces after the first sight that showed the difference. */
  readonly votes: number;
  /** Whether a doubt of any trace is still neither proven nor dismissed. */
  readonly open: boolean;
  /** The destination answers farther away, too often for chance, and nothing else is known to differ. */
  readonly farther: boolean;
  /** It answers farther away, and was not met where it was since the first sight; chance may still explain that. */
  readonly overshot: boolean;
}

/** Probability that an answering destination only seems farther away. */
const FARTHER_ALPHA = 1e-9;
const LEAST_OVERSHOOTS = 2;

export class Evidence {
  readonly memory: DestinationMemory;
  readonly sights: Sights;
  readonly positions: Positions;
  #standings: FlowStanding[] | null = null;
  #merged: (SeenPath | null)[] = [];

  /** @param paths the fixed flows as the trace that raised the suspicion saw them. */
  constructor(memory: DestinationMemory, paths: readonly SeenPath[], trace: Trace) {
    this.memory = memory;
    this.sights = new Sights(memory, paths, trace);
    this.positions = new Positions(this.sights);
  }

  /** One more trace of some fixed flows. */
  add(paths: readonly SeenPath[], trace: Trace): void {
    this.sights.add(paths, trace);
    const changed = this.sights.changedAfter();
    if (changed > 0) this.sights.dropFirst(changed);
    this.#standings = null;
    this.#merged = [];
  }

  standings(): readonly FlowStanding[] {
    if (this.#standings === null) {
      this.#standings = [];
      for (let flow = 0; flow < this.memory.flows; flow++) this.#standings.push(this.#standingOf(flow));
    }
    return this.#standings;
  }

  /** The flow's way as it is now: the latest answer at each TTL, that of the first sight where it is surely new. */
  merged(flow: number): SeenPath | undefined {
    const known = this.#merged[flow];
    if (known !== undefined) return known ?? undefined;
    const path = this.#merge(flow);
    this.#merged[flow] = path;
    return path ?? undefined;
  }

  /**
   * Whether those who moved met the destination beyond its old TTL and never there, too often for chance.
   * @param flows of which all had the same length.
   */
  endIsGone(flows: readonly number[]): boolean {
    const length = this.sights.lengthOf(flows[0] ?? 0);
    let misses = 0;
    for (const flow of flows) {
      for (const path of this.sights.freshOf(flow)) {
        if (path.reachedTtl > 0 && path.reachedTtl <= length) return false;
        if (path.reachedTtl > length && path.lastTtl >= length) misses += path.silentTries[length] ?? 1;
      }
    }
    return this.memory.destinationSilenceIsImprobable(misses, FARTHER_ALPHA);
  }

  #merge(flow: number): SeenPath | null {
    const sights = this.sights.freshOf(flow);
    const first = this.sights.firstOf(flow);
    const base = sights[0] ?? first;
    if (base === undefined) return null;
    const end = this.#endOf(flow);
    // Where some flow has moved, what the first sight saw of others may be from before.
    const firsts = this.standings().map((standing) => standing.first);
    const since = Math.min(...firsts.filter((ttl) => ttl > 0), 256);
    const hops: (readonly string[])[] = [];
    const last = end > 0 ? end : this.sights.horizon;
    for (let ttl = 1; ttl <= last; ttl++) {
      if (ttl === end) hops.push([DESTINATION_MARK]);
      else hops.push(this.#latestAt(flow, ttl, since).filter((address) => address !== DESTINATION_MARK));
    }
    while (hops.at(-1)?.length === 0) hops.pop();
    return { ...base, hops, reachedTtl: end, firstTtl: 1, lastTtl: Math.max(base.lastTtl, last) };
  }

  #latestAt(flow: number, ttl: number, since: number): readonly string[] {
    for (const path of this.sights.freshOf(flow).reverse()) {
      const set = path.hops[ttl - 1] ?? [];
      if (set.length > 0) return set;
    }
    const stranger = this.sights.firstStranger(flow, ttl);
    if (stranger !== '') return [stranger];
    return ttl < since ? (this.sights.firstOf(flow)?.hops[ttl - 1] ?? []) : [];
  }

  /** Least TTL at which the destination answered since the first sight, or in it if that was on the new way. */
  #endOf(flow: number): number {
    const end = this.#freshEndOf(flow);
    if (end > 0) return end;
    const first = this.sights.firstOf(flow);
    if (first === undefined || first.reachedTtl === 0) return 0;
    const fresh = this.sights.freshOf(flow);
    if (fresh.length === 0) return first.reachedTtl;
    // It may have been met there before the change.
    if (fresh.some((path) => path.hops.length >= first.reachedTtl)) return 0;
    const { difference, overshoot } = compareWithMemory(this.memory, first);
    return difference !== null || overshoot ? first.reachedTtl : 0;
  }

  #freshEndOf(flow: number): number {
    let end = 0;
    for (const { reachedTtl } of this.sights.freshOf(flow)) {
      if (reachedTtl > 0 && (end === 0 || reachedTtl < end)) end = reachedTtl;
    }
    return end;
  }

  #standingOf(flow: number): FlowStanding {
    const length = this.sights.lengthOf(flow);
    const differs: number[] = [];
    let answered = false;
    let doubted = false;
    const { horizon } = this.sights;
    for (let ttl = 1; ttl <= horizon; ttl++) {
      const status = this.positions.statusAt(flow, ttl);
      if (status === 'differs') differs.push(ttl);
      const isDoubted = this.positions.isDoubted(flow, ttl);
      if (isDoubted && status !== 'spread') doubted = true;
      if (isDoubted && status === 'same') answered = true;
    }
    // What the first sight alone saw differ belongs to it.
    if (differs.length > 0) {
      for (let ttl = 1; ttl <= horizon; ttl++) {
        if (
          this.positions.statusAt(flow, ttl) === 'unknown' &&
          this.sights.firstStranger(flow, ttl) !== '' &&
          !differs.includes(ttl)
        )
          differs.push(ttl);
      }
      differs.sort((a, b) => a - b);
    }
    if (differs.length > 0) this.positions.addLeaning(flow, differs);
    // Beyond the new end only the destination can be met, where its nearer answer was lost.
    const end = this.#freshEndOf(flow);
    while (end > 0 && (differs.at(-1) ?? 0) > end) differs.pop();
    // A hop that fell silent long ago may have been replaced then.
    const stale = differs.filter((ttl) => ttl !== end && this.memory.isSilent(ttl));
    if (stale.length < differs.length) for (const ttl of stale) differs.splice(differs.indexOf(ttl), 1);
    // Ways of different length contradict themselves from where they part on.
    if (differs.length > 0 && this.sights.isUneven(flow)) {
      const parting = this.positions.partingOf(flow);
      while ((differs.at(-1) ?? 0) >= parting) differs.pop();
    }
    const overshoots = this.sights.overshootsOf(flow);
    const overshot = differs.length === 0 && (overshoots > 0 || this.#overshotFirst(flow));
    const farther = overshot && overshoots >= LEAST_OVERSHOOTS && this.#isFarther(flow);
    const met =
      length > 0 &&
      this.sights.freshOf(flow).some((path) => path.reachedTtl > 0 && path.reachedTtl <= length);
    const first = differs[0] ?? 0;
    return {
      flow,
      differs,
      stale,
      first: first > 0 ? (length > 0 ? Math.min(first, length) : first) : overshot ? length : 0,
      votes: farther ? overshoots : this.#votesOf(flow, differs),
      open: differs.length > 0 || (doubted && !answered) || (overshot && !farther && !met),
      farther,
      overshot: overshot && overshoots >= LEAST_OVERSHOOTS && !met,
    };
  }

  #overshotFirst(flow: number): boolean {
    const first = this.sights.firstOf(flow);
    return first !== undefined && compareWithMemory(this.memory, first).overshoot;
  }

  /** Once the end was met where it was, each flow must prove for itself that its own has moved. */
  #isFarther(flow: number): boolean {
    const { memory } = this;
    const length = this.sights.lengthOf(flow);
    let misses = 0;
    for (let other = 0; other < memory.flows; other++) {
      if (this.sights.lengthOf(other) !== length) continue;
      const stands = this.sights
        .allOf(other)
        .some((path) => path.reachedTtl > 0 && path.reachedTtl <= length);
      if (stands) return memory.destinationSilenceIsImprobable(memory.overshoots[flow] ?? 0, FARTHER_ALPHA);
      misses += memory.overshoots[other] ?? 0;
    }
    return memory.destinationSilenceIsImprobable(misses, FARTHER_ALPHA);
  }

  #votesOf(flow: number, differs: readonly number[]): number {
    const length = this.sights.lengthOf(flow);
    return this.sights
      .freshOf(flow)
      .filter((path) => differs.some((ttl) => relationAt(this.memory, path, length, ttl) === 'differs'))
      .length;
  }
}
