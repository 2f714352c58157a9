// A suspected change of path, from the first sight until it is proven or dismissed: which probes it still wants.
// Invariant: nothing is proven by fewer than two traces after the first sight, and it ends within a few rounds.
//
// Steps. `own`: all fixed flows are traced again, two of three must show the new way. `extra`: where flows may have
// moved beside one another, others are asked at the first differing hop whether the old router still carries any.
// `wait`: these traces did not decide; the next round adds to them.

import type { Trace } from '../trace/trace.ts';
import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { Evidence, type FlowStanding } from './evidence.ts';
import type { SeenPath } from './seen-path.ts';

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

export type Step = 'own' | 'extra' | 'wait' | 'done';

const OWN_TRACES = 3;
const EXTRA_TRACES = 2;
const FLOWS_PER_EXTRA = 8;
const VOTES_NEEDED = 2;
/** A suspicion that so many later rounds could not decide is dropped. */
const MOST_ROUNDS = 3;
/** TTLs looked at beyond the known ones where the end has not shown itself. */
const BEYOND = 3;
/** A hop that answers less often than this is not waited for. */
const EDGE_REPLY_RATE = 0.3;

export class Investigation {
  readonly memory: DestinationMemory;
  readonly evidence: Evidence;
  step: Step = 'own';
  proven = false;
  /** What flows beyond the fixed ones showed at the first differing TTL and the one before it. */
  readonly extras: SeenPath[] = [];
  #traces = OWN_TRACES;
  #rounds = 0;

  constructor(memory: DestinationMemory, paths: readonly SeenPath[], trace: Trace) {
    this.memory = memory;
    this.evidence = new Evidence(memory, paths, trace);
  }

  wanted(): Confirmation | null {
    const { memory, evidence } = this;
    if (this.step === 'own') {
      const unended = this.moved().some(({ flow }) => !evidence.sights.sawEnd(flow));
      const maxTtl = Math.min(255, evidence.sights.horizon + (unended ? BEYOND : 0));
      // Hops before the change are looked at once: they may limit their replies.
      const first = this.moved()[0]?.first ?? 1;
      const firstTtl =
        evidence.sights.traces === 0 ? 1 : Math.max(1, Math.min(first, ...this.#unseenEdges()) - 1);
      return { flow: 0, flows: memory.flows, firstTtl, maxTtl, attempts: this.#traces };
    }
    if (this.step === 'extra') {
      const first = this.suspect().first;
      return {
        flow: memory.flows + (EXTRA_TRACES - this.#traces) * FLOWS_PER_EXTRA,
        flows: FLOWS_PER_EXTRA,
        firstTtl: Math.max(1, first - 1),
        maxTtl: first,
        attempts: this.#traces,
      };
    }
    return null;
  }

  /** The answer to what was wanted. */
  take(paths: readonly SeenPath[], trace: Trace): void {
    this.#traces--;
    if (this.step === 'own') {
      this.evidence.add(paths, trace);
      this.#weigh();
    } else if (this.step === 'extra') {
      this.extras.push(...paths);
      if (this.#traces <= 0 || this.#oldIsInUse()) this.#close(true);
    }
  }

  /** A whole later round, which is one more trace of all fixed flows. */
  takeRound(paths: readonly SeenPath[], trace: Trace): void {
    this.#rounds++;
    if (this.step === 'extra') return this.#close(true);
    this.evidence.add(paths, trace);
    this.step = 'own';
    this.#traces = OWN_TRACES - 1;
    this.#weigh();
    // Two rounds that agree are as good as confirming traces, which not everybody can ask for.
    if (this.#isAsking() && this.#rounds > 1 && this.moved().length > 0) this.#leaveOwn();
    if (this.#isAsking() && this.#rounds >= MOST_ROUNDS) this.#close(false);
  }

  #isAsking(): boolean {
    return this.step === 'own' || this.step === 'wait';
  }

  /** Flows that are proven to be elsewhere, nearest difference first; and those that show the same at one sight. */
  moved(): FlowStanding[] {
    const all = this.evidence.standings();
    const sure = all.filter(isSure);
    if (sure.length === 0) return [];
    const strangers = new Set(sure.flatMap((standing) => this.strangersOf(standing)));
    const first = Math.min(...sure.map((standing) => standing.first));
    const longer = sure.some((standing) => standing.farther || standing.differs.length > 0);
    const moved = all.filter(
      (standing) =>
        isSure(standing) ||
        (standing.overshot && longer) ||
        standing.differs.some((ttl) => ttl >= first) ||
        (standing.differs.length > 0 && this.strangersOf(standing).some((address) => strangers.has(address))),
    );
    return moved.sort((a, b) => a.first - b.first || b.differs.length - a.differs.length || a.flow - b.flow);
  }

  /** The flow whose change is reported: the nearest, then the one that shows most. */
  suspect(): FlowStanding {
    const [suspect] = this.moved();
    if (suspect === undefined) throw new Error('no flow has moved');
    return suspect;
  }

  /** The routers that a flow newly meets. */
  strangersOf(standing: FlowStanding): string[] {
    const path = this.evidence.merged(standing.flow);
    return standing.differs.map((ttl) => path?.hops[ttl - 1]?.[0] ?? '').filter((address) => address !== '');
  }

  #weigh(): void {
    const moved = this.moved();
    if (moved.length > 0) {
      if (this.#traces <= 0 || this.#isComplete(moved)) this.#leaveOwn();
    } else if (!this.evidence.standings().some((standing) => standing.open)) this.#close(false);
    else if (
      this.#traces <= 0 &&
      this.evidence.standings().every(({ flow, open }) => !open || this.evidence.sights.isUneven(flow))
    )
      this.#close(false);
    else if (this.#traces <= 0) this.step = 'wait';
  }

  /** Whether nothing is left that another trace would tell. */
  #isComplete(moved: readonly FlowStanding[]): boolean {
    const { evidence, memory } = this;
    if (moved.length < memory.flows && evidence.sights.traces < OWN_TRACES) return false;
    const unsteady = moved.some(({ flow, differs }) =>
      differs.some((ttl) => evidence.sights.isUnsteady(flow, ttl)),
    );
    return (
      !unsteady && this.#unseenEdges().length === 0 && moved.every(({ flow }) => evidence.sights.sawEnd(flow))
    );
  }

  /** TTLs just before the change that used to answer and have not, for flows that moved. */
  #unseenEdges(): number[] {
    const { memory, evidence } = this;
    const unseen: number[] = [];
    for (const { flow, first } of this.moved()) {
      for (let ttl = first - 1; ttl >= 1; ttl--) {
        if (evidence.positions.statusAt(flow, ttl) === 'same') break;
        const tries = memory.triesAt(ttl);
        if (memory.expected(flow, ttl) === 0 || tries === 0) continue;
        if (memory.hitsAt(ttl) / tries >= EDGE_REPLY_RATE) unseen.push(ttl);
      }
    }
    return unseen;
  }

  #leaveOwn(): void {
    const { first, farther } = this.suspect();
    const parts =
      !this.memory.isShared(first) ||
      this.memory.siblings.some((sibling) => sibling.ttl === first) ||
      this.evidence.standings().some(({ flow }) => this.evidence.positions.statusAt(flow, first) === 'same');
    if (farther || !parts || this.#oldIsInUse()) this.#close(true);
    else {
      this.step = 'extra';
      this.#traces = EXTRA_TRACES;
    }
  }

  #close(proven: boolean): void {
    this.step = 'done';
    this.proven = proven;
  }

  #oldIsInUse(): boolean {
    return this.moved().some((standing) => this.isInUse(standing));
  }

  /**
   * Whether the router that a moved flow used at its first differing TTL still carries some flow there: beside it, or
   * elsewhere if the flow does not just meet it later. (One router shows another address for each link that leads in.)
   */
  isInUse({ flow, first }: FlowStanding): boolean {
    const { memory, evidence } = this;
    const old = memory.expectedAddress(flow, first);
    if (old === '' || old === DESTINATION_MARK) return false;
    const isOld = (address: string): boolean => memory.alike(first, old, address);
    if (this.besides(flow, first).some(isOld)) return true;
    if (
      first !== this.suspect().first ||
      !this.extras.some((path) => (path.hops[first - 1] ?? []).some(isOld))
    )
      return false;
    return !(evidence.merged(flow)?.hops ?? []).slice(first).some((set) => set.includes(old));
  }

  /**
   * Addresses that flows show now at the first differing TTL of a moved flow, beside it, itself included: behind the
   * same router, for where branches are of unequal length, other parts of the route show at the same TTL. One for each
   * flow; where a flow shows several, its latest.
   */
  besides(flow: number, first: number): string[] {
    return this.#parallelTo(flow, first)
      .map(({ path, fixed }) =>
        fixed ? this.evidence.sights.latestAt(path.flow, first) : (path.hops[first - 1]?.[0] ?? ''),
      )
      .filter((address) => address !== '');
  }

  /** Fixed flows beside a moved one that were seen to stay where they were. */
  unmovedBeside(flow: number, first: number): number {
    const moved = this.moved().map((standing) => standing.flow);
    return this.#parallelTo(flow, first).filter(
      ({ path, fixed }) =>
        fixed && !moved.includes(path.flow) && this.evidence.sights.latestAt(path.flow, first) !== '',
    ).length;
  }

  #parallelTo(flow: number, first: number): { readonly path: SeenPath; readonly fixed: boolean }[] {
    const { memory, evidence } = this;
    const paths: { path: SeenPath; fixed: boolean }[] = [];
    for (let other = 0; other < memory.flows; other++) {
      const path = evidence.merged(other);
      if (path !== undefined) paths.push({ path, fixed: true });
    }
    // The others were asked at one TTL only.
    if (first === this.suspect().first) for (const path of this.extras) paths.push({ path, fixed: false });
    const anchor = this.#anchorOf(flow, first);
    if (anchor.ttl === 0) return paths;
    return paths.filter(({ path }) =>
      this.#shownAt(path, anchor.ttl).some((a) => anchor.set.some((b) => memory.alike(anchor.ttl, a, b))),
    );
  }

  /** The nearest TTL below `first` at which the flow shows something: who passes there too is beside it. */
  #anchorOf(flow: number, first: number): { readonly ttl: number; readonly set: readonly string[] } {
    const path = this.evidence.merged(flow);
    for (let ttl = first - 1; ttl >= 1 && path !== undefined; ttl--) {
      const set = this.#shownAt(path, ttl);
      if (set.length > 0) return { ttl, set };
    }
    return { ttl: 0, set: [] };
  }

  /** What a flow shows at a TTL; where it is silent, what a fixed flow is expected to. */
  #shownAt(path: SeenPath, ttl: number): readonly string[] {
    const shown = path.hops[ttl - 1] ?? [];
    if (shown.length > 0 || path.flow >= this.memory.flows) return shown;
    const expected = this.memory.expectedAddress(path.flow, ttl);
    return expected === '' ? [] : [expected];
  }
}

function isSure({ differs, farther, votes }: FlowStanding): boolean {
  return (differs.length > 0 || farther) && votes >= VOTES_NEEDED;
}
