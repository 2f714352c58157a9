// Says of each trace of one target what it means: which route it shows, and whether that is proven to have changed.
// Invariant: an event needs a flow that contradicts its own memory at once and again when probed anew; silence, a
// rehash, a renamed router and the first rounds never make one of kind `reroute`, `as_path` or `length`.

import type { Trace } from '../trace/trace.ts';
import { AddressTable } from './address-table.ts';
import { adopt, type BeforeAfter, learnAlternations } from './adoption.ts';
import { type AsNumberOf, asPathsConflict, collapseAsPath, hopAsNumbers } from './as-path.ts';
import { DestinationMemory } from './destination-memory.ts';
import { distinctExpected } from './expected-paths.ts';
import { type Figures, figuresOf } from './figures.ts';
import { type Confirmation, Investigation } from './investigation.ts';
import type { PathChange, PathChangeKind, PathObservation, RenamedHop } from './observation.ts';
import { hashAsPath } from './path-hash.ts';
import { type HealthReport, PathHealth } from './path-health.ts';
import { Reachability } from './reachability.ts';
import { type HopReplies, hopReplies, noteReplies } from './reply-memory.ts';
import { ReturnPathWatch } from './return-path.ts';
import { plainAddress, RouteMemory, type RouteSummary, routeHops } from './route-memory.ts';
import { type Comparison, compareWithMemory, learnPath, type SeenPath, seenPathsOf } from './seen-path.ts';
import { learnDiscovered, learnSiblings } from './siblings.ts';
import { reconcileSpreadHops } from './spread-hops.ts';
import { readSnapshot, takeSnapshot } from './tracker-snapshot.ts';
import { changesLength, judge } from './verdict.ts';

export type { Confirmation } from './investigation.ts';

export interface PathTrackerOptions {
  /** Fixed flows of the target: flow indices 0 to flows - 1 are remembered. Default 4, at most 16. */
  readonly flows?: number;
  /** Shared by the trackers of a process. */
  readonly addresses?: AddressTable;
  readonly asNumberOf?: AsNumberOf;
  /** Rounds before anything is an event. Default 5. */
  readonly baselineRounds?: number;
  /** How many targets are watched: the more, the less probable a silence must be to be called one. Default 1000. */
  readonly targets?: number;
}

export interface PathTracker {
  /** Takes in one round's trace. `atMs` is in epoch milliseconds and never goes back. */
  observe(trace: Trace, atMs: number): PathObservation;
  /** What should be probed again at once, with one query for each TTL and flow; null when nothing is in doubt. */
  confirmation(): Confirmation | null;
  /** Takes in the trace that `confirmation()` asked for. Figures are those of the round; identity and changes are new. */
  confirm(trace: Trace, atMs: number): PathObservation;
  /** Routes to the present destination, most recent memory of each. */
  routes(): RouteSummary[];
  /** How each hop of the present destination answers. */
  hops(): HopReplies[];
  /** Everything worth keeping over a restart, as plain JSON. */
  snapshot(): unknown;
  /** Takes a snapshot back; false, and nothing changed, when it is not one of this release or other flows were traced. */
  restore(snapshot: unknown): boolean;
  /** Gives the addresses back to the shared table; the tracker must not be used afterwards. */
  close(): void;
}

/** A name may resolve to several addresses in turn: that many are remembered. */
const MAX_DESTINATIONS = 4;
const MAX_FLOWS = 16;
/** Rounds after a change in which flows that move among known routers are late, not rehashed. */
const STRAGGLING_ROUNDS = 2;
export function createPathTracker(options: PathTrackerOptions = {}): PathTracker {
  return new Tracker(options);
}

interface Destination {
  readonly memory: DestinationMemory;
  readonly routes: RouteMemory;
  readonly health: PathHealth;
  readonly returns: ReturnPathWatch;
}

class Tracker implements PathTracker {
  readonly #flows: number;
  readonly #table: AddressTable;
  readonly #asNumberOf: AsNumberOf | null;
  readonly #baselineRounds: number;
  readonly #targets: number;
  /** The present destination is the last. */
  #destinations: Destination[] = [];
  #investigation: Investigation | null = null;
  readonly #reachability = new Reachability();
  /** The round's observation while it may still be confirmed. */
  #open: { readonly figures: Figures; readonly reached: boolean; readonly hopCount: number } | null = null;

  constructor(options: PathTrackerOptions) {
    this.#flows = Math.max(1, Math.min(MAX_FLOWS, options.flows ?? 4));
    this.#table = options.addresses ?? new AddressTable();
    this.#asNumberOf = options.asNumberOf ?? null;
    this.#baselineRounds = options.baselineRounds ?? 5;
    this.#targets = options.targets ?? 1000;
  }

  observe(trace: Trace, atMs: number): PathObservation {
    const destination = this.#destinationOf(trace.address);
    const { memory } = destination;
    const all = seenPathsOf(trace);
    const paths = all.filter((path) => path.flow < this.#flows);
    const answered = trace.hops.some((hop) => hop.replies.length > 0);
    const figures = figuresOf(trace);
    this.#open = { figures, reached: trace.reached, hopCount: this.#hopCountOf(memory, paths, trace) };
    // A trace that could not be sent says nothing about the network.
    const local = !answered && (trace.end === 'send-failed' || trace.end === 'cancelled');
    if (local) return this.#observation(destination, []);
    destination.health.observe(trace, atMs);
    const found: Found = { changes: [], renamed: [] };
    this.#note(this.#reachability.observe(memory, paths, trace, atMs), memory, found);
    this.#takeRound(destination, paths, trace, atMs, found);
    if (answered) {
      memory.rounds++;
      memory.settled = Math.min(255, memory.settled + 1);
      if (this.#investigation === null) {
        learnSiblings(memory, all, this.#flows);
        learnDiscovered(memory, trace);
      }
      destination.routes.count(memory, atMs);
    }
    const returnShifts = destination.returns.observe(trace);
    const observation = this.#observation(destination, found);
    return returnShifts.length === 0 ? observation : { ...observation, returnShifts };
  }

  confirmation(): Confirmation | null {
    const wanted = this.#investigation?.wanted() ?? null;
    if (wanted !== null) return wanted;
    const asked = this.#reachability.wanted(this.#flows);
    if (asked === null) return null;
    return { flow: 0, flows: asked.flows, firstTtl: asked.ttl, maxTtl: asked.ttl, attempts: asked.attempts };
  }

  confirm(trace: Trace, atMs: number): PathObservation {
    const destination = this.#destinationOf(trace.address);
    const found: Found = { changes: [], renamed: [] };
    const investigation = this.#investigation;
    // The investigation comes first, as in confirmation().
    if (investigation === null || investigation.wanted() === null)
      this.#note(this.#reachability.answer(destination.memory, trace, atMs), destination.memory, found);
    else if (investigation.memory === destination.memory) {
      const paths = seenPathsOf(trace);
      for (const path of paths)
        if (path.flow < this.#flows)
          noteOvershoot(destination.memory, path, compareWithMemory(destination.memory, path));
      investigation.take(paths, trace);
      this.#conclude(destination, investigation, atMs, found);
    }
    return this.#observation(destination, found);
  }

  routes(): RouteSummary[] {
    const present = this.#destinations.at(-1);
    return present === undefined ? [] : present.routes.summaries(this.#table, present.memory.address);
  }

  hops(): HopReplies[] {
    const present = this.#destinations.at(-1);
    return present === undefined ? [] : hopReplies(present.memory, this.#targets);
  }

  snapshot(): unknown {
    return this.#destinations.length === 0 ? null : takeSnapshot(this.#flows, this.#destinations);
  }

  restore(snapshot: unknown): boolean {
    const read = readSnapshot(snapshot, this.#flows, MAX_DESTINATIONS, this.#table);
    if (read === null) return false;
    this.close();
    this.#destinations = read.map((remembered) => ({ ...remembered, ...this.#afresh() }));
    return true;
  }

  /** What is not kept over a restart. */
  #afresh(): Pick<Destination, 'health' | 'returns'> {
    return { health: new PathHealth(this.#flows), returns: new ReturnPathWatch() };
  }

  close(): void {
    for (const { memory, routes } of this.#destinations) {
      memory.release();
      routes.release(this.#table);
    }
    this.#destinations = [];
    this.#investigation = null;
  }

  #destinationOf(address: string): Destination {
    const last = this.#destinations.at(-1);
    if (last?.memory.address === address) return last;
    this.#investigation = null;
    this.#reachability.forget();
    const at = this.#destinations.findIndex(({ memory }) => memory.address === address);
    const known = at >= 0 ? this.#destinations.splice(at, 1)[0] : undefined;
    const destination: Destination = known ?? {
      memory: new DestinationMemory(address, this.#flows, this.#table),
      routes: new RouteMemory(),
      ...this.#afresh(),
    };
    this.#destinations.push(destination);
    if (this.#destinations.length > MAX_DESTINATIONS) {
      const oldest = this.#destinations.shift();
      oldest?.memory.release();
      oldest?.routes.release(this.#table);
    }
    return destination;
  }

  /** Compares every flow with its memory; opens, feeds or concludes an investigation. */
  #takeRound(
    destination: Destination,
    paths: readonly SeenPath[],
    trace: Trace,
    atMs: number,
    found: Found,
  ): void {
    const { memory } = destination;
    const pending = this.#investigation;
    if (pending !== null) {
      pending.takeRound(paths, trace);
      this.#conclude(destination, pending, atMs, found);
    }
    reconcileSpreadHops(memory, paths);
    const doubted = new Set<number>();
    for (const path of paths) {
      const comparison = compareWithMemory(memory, path);
      noteOvershoot(memory, path, comparison);
      if (comparison.difference !== null || comparison.overshoot) doubted.add(path.flow);
      else learnPath(memory, path);
    }
    noteReplies(memory, trace, paths, doubted);
    if (this.#investigation === null && doubted.size > 0)
      this.#investigation = new Investigation(memory, paths, trace);
  }

  #conclude(destination: Destination, investigation: Investigation, atMs: number, found: Found): void {
    if (investigation.step !== 'done') return;
    this.#investigation = null;
    if (!investigation.proven) {
      learnAlternations(investigation);
      return;
    }
    const { memory, routes } = destination;
    const verdict = judge(investigation);
    // A flow that could not be seen when the route changed has followed the others.
    const late = verdict === 'ecmp' || verdict === 'length' || isFollowing(investigation);
    // So has one of which only a part could be seen then; unless the way is known from before.
    const partial =
      verdict !== 'ecmp' &&
      memory.settled <= STRAGGLING_ROUNDS &&
      !investigation.moved().some((standing) => memory.seenWhole.includes(standing.flow)) &&
      !this.#returns(destination, investigation);
    const again = investigation.moved().some((standing) => memory.seenWhole.includes(standing.flow));
    const isYoung = late && memory.settled <= STRAGGLING_ROUNDS && !(again && verdict === 'length');
    if (
      verdict !== 'renamed' &&
      (isYoung || partial || memory.rounds - memory.rehashedAt <= STRAGGLING_ROUNDS)
    ) {
      adopt(investigation, 'ecmp');
      return;
    }
    if (verdict === 'ecmp') memory.rehashedAt = memory.rounds;
    const { flow, first, votes } = investigation.suspect();
    const confidence = confidenceOf(memory, votes);
    const longer =
      verdict === 'reroute' && investigation.moved().some((one) => changesLength(investigation, one));
    if (verdict !== 'renamed' && verdict !== 'ecmp') routes.complete(memory);
    const path = adopt(investigation, verdict);
    if (verdict === 'renamed') {
      const ttl = first;
      const [before, after] = [path.before[ttl - 1] ?? '', path.after[ttl - 1] ?? ''];
      if (before !== after) found.renamed.push({ ttl, before, after });
      return;
    }
    if (verdict !== 'ecmp') {
      routes.enter(memory, first, atMs);
      destination.health.rerouted(first);
    }
    if (memory.rounds < this.#baselineRounds) return;
    const change = (kind: PathChangeKind): PathChange => ({
      kind,
      atMs,
      firstHop: first,
      flow,
      ...path,
      confidence,
    });
    found.changes.push(change(verdict));
    if (longer) found.changes.push(change('length'));
    if (verdict !== 'ecmp' && this.#changesAsPath(memory, path)) found.changes.push(change('as_path'));
  }

  /** Whether the new way is one that this destination was reached over before. */
  #returns({ memory, routes }: Destination, investigation: Investigation): boolean {
    const { flow, first } = investigation.suspect();
    const hops = investigation.evidence.merged(flow)?.hops ?? [];
    return routes.find(memory, hops, first) !== undefined;
  }

  /** What happens while the first paths are learnt is no event. */
  #note(change: PathChange | null, memory: DestinationMemory, found: Found): void {
    if (change !== null && memory.rounds >= this.#baselineRounds) found.changes.push(change);
  }

  #changesAsPath(memory: DestinationMemory, path: BeforeAfter): boolean {
    const lookUp = this.#asNumberOf;
    if (lookUp === null) return false;
    const open = (hops: readonly (string | null)[]): readonly (string | null)[] =>
      hops.at(-1) === memory.address ? hops : [...hops, null];
    return asPathsConflict(hopAsNumbers(open(path.before), lookUp), hopAsNumbers(open(path.after), lookUp));
  }

  /** Hops to the destination; where only its nearer answer was lost, the remembered count. */
  #hopCountOf(memory: DestinationMemory, paths: readonly SeenPath[], trace: Trace): number {
    if (!trace.reached) return 0;
    let least = 0;
    for (const path of paths) {
      if (path.reachedTtl === 0) continue;
      const length = memory.lengthOf(path.flow);
      const overshot = length > 0 && path.reachedTtl > length && compareWithMemory(memory, path).overshoot;
      const count = overshot ? length : path.reachedTtl;
      if (least === 0 || count < least) least = count;
    }
    return least === 0 ? trace.hopCount : least;
  }

  #observation(destination: Destination, found: Found | []): PathObservation {
    const { memory, routes } = destination;
    const open = this.#open;
    const hops = routes.current === null ? [] : routeHops(memory);
    const asPath = this.#asPathOf(memory, hops);
    const { changes, renamed } = Array.isArray(found) ? { changes: [], renamed: [] } : found;
    return {
      pathId: routes.current?.id ?? null,
      route: hops.map((set) => set.map((address) => plainAddress(address, memory.address))),
      asPathId: hashAsPath(asPath),
      asPath,
      reached: open?.reached ?? false,
      hopCount: open?.hopCount ?? 0,
      paths: Math.max(distinctExpected(memory), memory.discoveredPaths),
      lastRespondingHop: open?.figures.lastRespondingHop ?? 0,
      rttMs: open?.figures.rttMs ?? null,
      lossRatio: open?.figures.lossRatio ?? 1,
      changes,
      ...healthOf(destination),
      ...(renamed.length > 0 ? { renamed } : {}),
    };
  }

  #asPathOf(memory: DestinationMemory, hops: readonly (readonly string[])[]): number[] {
    const lookUp = this.#asNumberOf;
    if (lookUp === null) return [];
    const addresses = hops.map((set) => (set[0] === undefined ? null : plainAddress(set[0], memory.address)));
    return collapseAsPath(hopAsNumbers(addresses, lookUp));
  }
}

function healthOf({ memory, health }: Destination): HealthReport {
  return health.report(memory.address, (flow, ttl) => memory.expectedAddress(flow, ttl));
}

interface Found {
  readonly changes: PathChange[];
  readonly renamed: RenamedHop[];
}

/**
 * One less the probability that hops which never showed a stranger in n rounds do so by chance in every sight since:
 * at most 1 / (n + 2) each (Laplace's rule of succession).
 */
function confidenceOf(memory: DestinationMemory, votes: number): number {
  const chance = (1 / (memory.settled + 2)) ** (1 + votes);
  return Math.min(0.9999, Math.floor((1 - chance) * 10_000) / 10_000);
}

/** Whether all that speaks against memory are routers that other flows met there already. */
function isFollowing(investigation: Investigation): boolean {
  const { memory, evidence } = investigation;
  return investigation.moved().every(({ flow, differs }) => {
    const path = evidence.merged(flow);
    return differs.every((ttl) => memory.knows(ttl, path?.hops[ttl - 1]?.[0] ?? ''));
  });
}

function noteOvershoot(memory: DestinationMemory, path: SeenPath, comparison: Comparison): void {
  if (comparison.overshoot)
    memory.noteOvershoot(path.flow, path.silentTries[memory.lengthOf(path.flow)] ?? 1);
  else if (path.reachedTtl > 0 && path.reachedTtl <= memory.lengthOf(path.flow))
    memory.clearOvershoots(path.flow);
}
