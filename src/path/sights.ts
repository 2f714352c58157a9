// What each fixed flow was seen to meet while a suspicion lasts: in the trace that raised it, and in those since.
// Invariant: what is said of a flow is what was heard; silence says nothing.

import type { Trace } from '../trace/trace.ts';
import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { compareWithMemory, relationAt, type SeenPath } from './seen-path.ts';

/** An RTT seen while the suspicion lasts. */
export interface DelaySample {
  readonly ttl: number;
  readonly address: string;
  readonly rttMs: number;
  readonly replyTtl: number;
}

/** Hops, and different TTLs among them, that must turn from one trace to the next where the route changes meanwhile. */
const TURNED_HOPS = 3;
const TURNED_TTLS = 2;
const MAX_SAMPLES = 512;
const MAX_TRACES = 12;

export class Sights {
  readonly memory: DestinationMemory;
  readonly samples: DelaySample[] = [];
  readonly #lengths: number[] = [];
  readonly #firstSight = new Map<number, SeenPath>();
  readonly #fresh: Map<number, SeenPath>[] = [];
  readonly #overshoots: number[];
  #firstSamples = true;

  /** @param paths the fixed flows as the trace that raised the suspicion saw them. */
  constructor(memory: DestinationMemory, paths: readonly SeenPath[], trace: Trace) {
    this.memory = memory;
    this.#overshoots = new Array<number>(memory.flows).fill(0);
    for (let flow = 0; flow < memory.flows; flow++) this.#lengths.push(memory.lengthOf(flow));
    for (const path of paths) this.#firstSight.set(path.flow, path);
    this.#sample(trace);
  }

  get traces(): number {
    return this.#fresh.length;
  }

  /** One more trace of some fixed flows. */
  add(paths: readonly SeenPath[], trace: Trace): void {
    if (this.#fresh.length >= MAX_TRACES) return;
    const sight = new Map<number, SeenPath>();
    for (const path of paths) {
      if (path.flow >= this.memory.flows) continue;
      sight.set(path.flow, path);
      if (compareWithMemory(this.memory, path).overshoot)
        this.#overshoots[path.flow] = (this.#overshoots[path.flow] ?? 0) + 1;
    }
    this.#fresh.push(sight);
    this.#sample(trace);
  }

  /** Highest TTL that memory or any sight knows of. */
  get horizon(): number {
    let horizon = Math.max(...this.#lengths);
    for (const path of this.#all()) horizon = Math.max(horizon, path.hops.length);
    return horizon;
  }

  lengthOf(flow: number): number {
    return this.#lengths[flow] ?? 0;
  }

  /** Whether some sight of a flow since the first met the destination. */
  sawEnd(flow: number): boolean {
    return this.freshOf(flow).some((path) => path.reachedTtl > 0);
  }

  /** Whether a flow showed anything at a TTL, in the first sight or since. */
  everShown(flow: number, ttl: number): boolean {
    return this.allOf(flow).some((path) => (path.hops[ttl - 1] ?? []).length > 0);
  }

  /** Everything that a flow showed at a TTL since the first sight, each once. */
  shownAt(flow: number, ttl: number): string[] {
    const shown = new Set<string>();
    for (const path of this.freshOf(flow)) for (const address of path.hops[ttl - 1] ?? []) shown.add(address);
    return [...shown];
  }

  /** The latest answer to a flow at a TTL since the first sight, or the empty string. */
  latestAt(flow: number, ttl: number): string {
    for (const path of this.freshOf(flow).reverse()) {
      const address = path.hops[ttl - 1]?.[0];
      if (address !== undefined) return address;
    }
    return '';
  }

  /** In how many traces since the first sight a flow got an answer at a TTL. */
  sightsAt(flow: number, ttl: number): number {
    return this.freshOf(flow).filter((path) => (path.hops[ttl - 1] ?? []).length > 0).length;
  }

  /** Unanswered probes of a flow at a TTL since the first sight, not beyond its end. */
  silentTriesAt(flow: number, ttl: number): number {
    let tries = 0;
    for (const path of this.freshOf(flow)) {
      if (ttl < path.firstTtl || ttl > path.lastTtl || (path.hops[ttl - 1] ?? []).length > 0) continue;
      tries += path.silentTries[ttl] ?? 1;
    }
    return tries;
  }

  /** Everything that any trace held against a flow's memory, each once. */
  doubtsOf(flow: number): { readonly ttl: number; readonly address: string }[] {
    const doubts: { ttl: number; address: string }[] = [];
    const length = this.lengthOf(flow);
    for (const path of this.allOf(flow)) {
      for (let ttl = 1; ttl <= path.hops.length; ttl++) {
        for (const address of path.hops[ttl - 1] ?? []) {
          if (this.memory.relation(flow, length, ttl, address) !== 'differs') continue;
          if (!doubts.some((other) => other.ttl === ttl && other.address === address))
            doubts.push({ ttl, address });
        }
      }
    }
    return doubts;
  }

  /** What the first sight held against memory at a TTL, and nobody has answered for since; or the empty string. */
  firstStranger(flow: number, ttl: number): string {
    const path = this.#firstSight.get(flow);
    if (path === undefined || relationAt(this.memory, path, this.lengthOf(flow), ttl) !== 'differs')
      return '';
    return path.hops[ttl - 1]?.[0] ?? '';
  }

  /** Whether one flow showed several positions at this TTL since the first sight. */
  isUnsteady(flow: number, ttl: number): boolean {
    let shown = '';
    for (const path of this.freshOf(flow)) {
      for (const address of path.hops[ttl - 1] ?? []) {
        if (shown === '') shown = address;
        else if (!this.memory.alike(ttl, shown, address)) return true;
      }
    }
    return false;
  }

  /**
   * Whether a flow's way was shorter and longer to and fro: its packets go ways of different length. Once to or fro may
   * be a route that changed meanwhile.
   */
  isUneven(flow: number): boolean {
    const sights = this.allOf(flow);
    const ends = new Set(sights.map((path) => path.reachedTtl).filter((ttl) => ttl > 0));
    return [...ends].some((end) => {
      let turns = 0;
      let last = '';
      for (const path of sights) {
        const beyond = path.hops.some(
          (set, i) => i + 1 >= end && set.some((each) => each !== DESTINATION_MARK),
        );
        const side = beyond ? 'beyond' : path.reachedTtl > 0 && path.reachedTtl <= end ? 'here' : last;
        if (last !== '' && side !== last) turns++;
        last = side;
      }
      return turns > 1;
    });
  }

  /** Traces since the first sight in which a flow met the destination beyond its TTL and not at it. */
  overshootsOf(flow: number): number {
    return this.#overshoots[flow] ?? 0;
  }

  /**
   * After how many traces since the first sight the route itself changed; 0 where it did not: what was met as expected
   * before, on several hops, and is met otherwise since, without return.
   */
  changedAfter(): number {
    for (let count = this.#fresh.length - 1; count >= 1; count--) {
      const ttls = new Set<number>();
      let hops = 0;
      for (let flow = 0; flow < this.memory.flows; flow++) {
        for (let ttl = 1; ttl <= this.horizon; ttl++) {
          if (!this.#turns(flow, ttl, count)) continue;
          ttls.add(ttl);
          hops++;
        }
      }
      if (ttls.size >= TURNED_TTLS && hops >= TURNED_HOPS) return count;
    }
    return 0;
  }

  /** Forgets what was seen before the route changed. */
  dropFirst(count: number): void {
    for (const [flow, path] of this.#fresh[count - 1] ?? []) this.#firstSight.set(flow, path);
    this.#fresh.splice(0, count);
    this.#overshoots.fill(0);
    this.samples.length = 0;
  }

  /** Whether a flow met who it expects at a TTL in the first `count` traces, and strangers in all since. */
  #turns(flow: number, ttl: number, count: number): boolean {
    const { memory } = this;
    const expected = memory.expectedAddress(flow, ttl);
    if (expected === '' || memory.positionSize(ttl, expected) > 1) return false;
    let before = 0;
    let after = 0;
    for (const [i, sight] of this.#fresh.entries()) {
      const path = sight.get(flow);
      if (path === undefined || path.hops.length < ttl) continue;
      const relation = relationAt(memory, path, this.lengthOf(flow), ttl);
      if (relation === 'unknown' || relation === 'overshoot') continue;
      if ((relation === 'same') !== i < count) return false;
      if (i < count) before++;
      else after++;
    }
    return before > 0 && after > 0;
  }

  /** Whether a flow met the destination nearer and farther to and fro. */
  endWavers(flow: number): boolean {
    const ends = this.allOf(flow).flatMap(({ reachedTtl }) => (reachedTtl > 0 ? [reachedTtl] : []));
    const nearest = Math.min(...ends);
    const turns = ends.filter((end, i) => i > 0 && (end === nearest) !== (ends[i - 1] === nearest));
    return turns.length > 1;
  }

  /** What the first sight saw of a flow. */
  firstOf(flow: number): SeenPath | undefined {
    return this.#firstSight.get(flow);
  }

  /** What was seen of a flow since the first sight, oldest first. */
  freshOf(flow: number): SeenPath[] {
    const paths: SeenPath[] = [];
    for (const sight of this.#fresh) {
      const path = sight.get(flow);
      if (path !== undefined) paths.push(path);
    }
    return paths;
  }

  /** All that was seen of a flow. */
  allOf(flow: number): SeenPath[] {
    const first = this.#firstSight.get(flow);
    return first === undefined ? this.freshOf(flow) : [first, ...this.freshOf(flow)];
  }

  *#all(): Generator<SeenPath> {
    yield* this.#firstSight.values();
    for (const sight of this.#fresh) yield* sight.values();
  }

  /** RTTs of the first sight count only while there are none from after it. */
  #sample(trace: Trace): void {
    if (this.#fresh.length > 0 && this.#firstSamples) {
      this.samples.length = 0;
      this.#firstSamples = false;
    }
    for (const hop of trace.hops) {
      for (const { flow, address, rttMs, replyTtl = 0 } of hop.replies) {
        if (flow >= this.memory.flows || this.samples.length >= MAX_SAMPLES) continue;
        this.samples.push({ ttl: hop.ttl, address, rttMs, replyTtl });
      }
    }
  }
}
