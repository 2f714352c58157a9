// Says of each trace of one target what it means: which route it shows, and whether that is proven to have changed.
// Invariant: an event needs a flow that contradicts its own memory at once and again when probed anew; silence, a
// rehash, a renamed router and the first rounds never make one of kind `reroute`, `as_path` or `length`.

import type { Trace } from '../trace/trace.ts';
import { AddressTable } from './address-table.ts';
import { adopt, type BeforeAfter, expectedHops } from './adoption.ts';
import { type AsNumberOf, asPathsConflict, collapseAsPath, hopAsNumbers } from './as-path.ts';
import { DestinationMemory } from './destination-memory.ts';
import { type Figures, figuresOf } from './figures.ts';
import { type Confirmation, Investigation, SETTLED_ROUNDS } from './investigation.ts';
import type { PathChange, PathChangeKind, PathObservation, RenamedHop } from './observation.ts';
import { hashAsPath } from './path-hash.ts';
import { type HealthReport, PathHealth } from './path-health.ts';
import { type HopReplies, hopReplies, noteReplies } from './reply-memory.ts';
import { ReturnPathWatch } from './return-path.ts';
import { plainAddress, RouteMemory, type RouteSummary, routeHops } from './route-memory.ts';
import { discoveredPaths } from './route-paths.ts';
import { type Comparison, compareWithMemory, learnPath, type SeenPath, seenPathsOf } from './seen-path.ts';
import { reconcileSpreadHops } from './spread-hops.ts';
import { judge, type Verdict } from './verdict.ts';

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
/** Probability that chance alone makes an answering destination seem gone. */
const UNREACHABLE_ALPHA = 1e-8;
/** Times that a silent destination is asked again at once. */
const SILENT_TRACES = 3;

export function createPathTracker(options: PathTrackerOptions = {}): PathTracker {
  return new Tracker(options);
}

interface Destination {
  readonly memory: DestinationMemory;
  readonly routes: RouteMemory;
  readonly health: PathHealth;
  readonly returns: ReturnPathWatch;
  /** What a doubtful verdict must be followed by in the next round. */
  provisional: string | null;
  provisionalRound: number;
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
  #silentTraces = 0;
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
    this.#reachability(destination, paths, atMs, found);
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
    if (wanted !== null || this.#silentTraces === 0) return wanted;
    const memory = this.#destinations.at(-1)?.memory;
    let length = 0;
    for (let flow = 0; flow < this.#flows; flow++) length = Math.max(length, memory?.lengthOf(flow) ?? 0);
    const attempts = this.#silentTraces;
    return length === 0 ? null : { flow: 0, flows: this.#flows, firstTtl: length, maxTtl: length, attempts };
  }

  confirm(trace: Trace, atMs: number): PathObservation {
    const destination = this.#destinationOf(trace.address);
    const found: Found = { changes: [], renamed: [] };
    const investigation = this.#investigation;
    // The investigation comes first, as in confirmation().
    if (investigation === null || investigation.wanted() === null)
      this.#askSilent(destination, trace, atMs, found);
    else if (investigation.memory === destination.memory) {
      investigation.addSamples(trace);
      investigation.take(seenPathsOf(trace));
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
    return null;
  }

  restore(_snapshot: unknown): boolean {
    return false;
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
    this.#silentTraces = 0;
    const at = this.#destinations.findIndex(({ memory }) => memory.address === address);
    const known = at >= 0 ? this.#destinations.splice(at, 1)[0] : undefined;
    const destination: Destination = known ?? {
      memory: new DestinationMemory(address, this.#flows, this.#table),
      routes: new RouteMemory(),
      health: new PathHealth(this.#flows),
      returns: new ReturnPathWatch(),
      provisional: null,
      provisionalRound: 0,
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
      pending.addSamples(trace);
      pending.takeRound(paths);
      this.#conclude(destination, pending, atMs, found);
    }
    reconcileSpreadHops(memory, paths);
    const comparisons = paths.map((path) => compareWithMemory(memory, path));
    const doubted = new Set<number>();
    for (const [i, path] of paths.entries()) {
      const comparison = comparisons[i] as Comparison;
      noteOvershoot(memory, path, comparison);
      if (comparison.difference !== null || comparison.overshoot) doubted.add(path.flow);
      else learnPath(memory, path);
    }
    noteReplies(memory, trace, paths, doubted);
    if (this.#investigation !== null || doubted.size === 0) return;
    const at = mostTelling(comparisons);
    const path = paths[at] as SeenPath;
    const investigation = new Investigation(memory, path.flow, paths, comparisons[at] as Comparison);
    investigation.addSamples(trace);
    this.#investigation = investigation;
  }

  #conclude(destination: Destination, investigation: Investigation, atMs: number, found: Found): void {
    if (investigation.step !== 'done') return;
    this.#investigation = null;
    if (!investigation.proven) return;
    const { memory, routes } = destination;
    const verdict = judge(investigation);
    const returning =
      verdict === 'reroute' || verdict === 'length' ? this.#returns(destination, investigation) : false;
    // A flow that could not be seen when the route changed has followed the others.
    const late = verdict === 'ecmp' || verdict === 'length' || investigation.isFollowing();
    if (verdict !== 'renamed' && late && memory.settled <= STRAGGLING_ROUNDS) {
      adopt(investigation, 'ecmp');
      return;
    }
    if (!returning && this.#mustComeAgain(destination, investigation, verdict)) return;
    const confidence = confidenceOf(investigation);
    if (verdict !== 'renamed' && verdict !== 'ecmp') routes.complete(memory);
    const { flow } = investigation;
    const first = investigation.firstOfAll();
    const path = adopt(investigation, verdict);
    if (verdict === 'renamed') {
      const ttl = investigation.first;
      found.renamed.push({ ttl, before: path.before[ttl - 1] ?? '', after: path.after[ttl - 1] ?? '' });
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
    if (verdict !== 'ecmp' && this.#changesAsPath(memory, path)) found.changes.push(change('as_path'));
  }

  /** Whether the new way is one that this destination was reached over before. */
  #returns(destination: Destination, investigation: Investigation): boolean {
    const hops: string[][] = [];
    for (const [ttl, address] of investigation.candidate) {
      while (hops.length < ttl) hops.push([]);
      hops[ttl - 1] = [address];
    }
    return destination.routes.find(destination.memory, hops, investigation.first) !== undefined;
  }

  /**
   * A way that is not settled, or a stranger among flows that stayed, must show again in the next round: a hop that
   * spreads packets can look like a change once.
   */
  #mustComeAgain(destination: Destination, investigation: Investigation, verdict: Verdict): boolean {
    const { memory } = destination;
    const { first, candidate } = investigation;
    const address = candidate.get(first) ?? '';
    const stranger = verdict === 'ecmp' && !memory.knows(first, address) && investigation.ttls.size === 1;
    if (verdict === 'renamed' || (memory.settled >= SETTLED_ROUNDS && !stranger)) return false;
    const sign = `${first} ${verdict}`;
    const again = destination.provisional === sign && destination.provisionalRound >= memory.rounds - 2;
    destination.provisional = again ? null : sign;
    destination.provisionalRound = memory.rounds;
    return !again;
  }

  #changesAsPath(memory: DestinationMemory, path: BeforeAfter): boolean {
    const lookUp = this.#asNumberOf;
    if (lookUp === null) return false;
    const open = (hops: readonly (string | null)[]): readonly (string | null)[] =>
      hops.at(-1) === memory.address ? hops : [...hops, null];
    return asPathsConflict(hopAsNumbers(open(path.before), lookUp), hopAsNumbers(open(path.after), lookUp));
  }

  /** A destination that no flow reached was asked again. */
  #askSilent(destination: Destination, trace: Trace, atMs: number, found: Found): void {
    if (this.#silentTraces === 0) return;
    this.#silentTraces--;
    const { memory } = destination;
    if (trace.reached) {
      this.#silentTraces = 0;
      memory.destinationMisses = 0;
      return;
    }
    memory.tallyDestination(trace.flows.length, 0);
    this.#declareSilence(memory, atMs, found);
  }

  #declareSilence(memory: DestinationMemory, atMs: number, found: Found): void {
    if (!memory.destinationSilenceIsImprobable(memory.destinationMisses, UNREACHABLE_ALPHA)) return;
    memory.unreachable = true;
    this.#silentTraces = 0;
    if (memory.rounds >= this.#baselineRounds)
      found.changes.push(reachabilityChange(memory, 'unreachable', 0, atMs));
  }

  /** The destination stops answering, or answers again. */
  #reachability(destination: Destination, paths: readonly SeenPath[], atMs: number, found: Found): void {
    const { memory } = destination;
    this.#silentTraces = 0;
    const arrived = paths.find((path) => path.reachedTtl > 0);
    for (const path of paths) {
      const length = memory.lengthOf(path.flow);
      if (path.reachedTtl > 0 && (length === 0 || path.reachedTtl <= length)) memory.tallyDestination(1, 1);
      else if (memory.everReached && !memory.unreachable) {
        memory.tallyDestination(path.silentTries[length] ?? 1, 0);
      }
    }
    if (arrived !== undefined) {
      memory.destinationMisses = 0;
      if (memory.unreachable && memory.rounds >= this.#baselineRounds) {
        found.changes.push(reachabilityChange(memory, 'recovered', arrived.flow, atMs));
      }
      memory.unreachable = false;
      memory.everReached = true;
    } else if (memory.everReached && !memory.unreachable && paths.length > 0) {
      this.#silentTraces = SILENT_TRACES;
      this.#declareSilence(memory, atMs, found);
    }
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

function reachabilityChange(
  memory: DestinationMemory,
  kind: 'unreachable' | 'recovered',
  flow: number,
  atMs: number,
): PathChange {
  const hops = expectedHops(memory, flow);
  // An answer is proof; a silence is as good as the bound that it had to pass.
  const confidence = kind === 'recovered' ? 1 : 0.9999;
  return { kind, atMs, firstHop: 0, flow, before: hops, after: hops, confidence };
}

interface Found {
  readonly changes: PathChange[];
  readonly renamed: RenamedHop[];
}

/** The comparison to look into first: the one that differs at the most TTLs, then nearest to us. */
function mostTelling(comparisons: readonly Comparison[]): number {
  let best = 0;
  let bestScore = -1;
  for (const [i, { difference, overshoot }] of comparisons.entries()) {
    const score =
      difference === null ? (overshoot ? 0 : -1) : 1000 * difference.ttls.length + 256 - difference.first;
    if (score > bestScore) {
      best = i;
      bestScore = score;
    }
  }
  return best;
}

/**
 * One less the probability that hops which never showed a stranger in n rounds do so by chance in every sight since:
 * at most 1 / (n + 2) each (Laplace's rule of succession).
 */
function confidenceOf(investigation: Investigation): number {
  const sights = 1 + investigation.votesNew;
  const chance = (1 / (investigation.memory.settled + 2)) ** sights;
  return Math.min(0.9999, Math.floor((1 - chance) * 10_000) / 10_000);
}

/** Flows beyond the fixed ones come from multipath discovery: what they meet is known, and no path of ours. */
function learnSiblings(memory: DestinationMemory, paths: readonly SeenPath[], flows: number): void {
  for (const path of paths) {
    if (path.flow < flows) continue;
    for (const [i, set] of path.hops.entries()) {
      for (const address of set) if (!memory.knows(i + 1, address)) memory.addSibling(i + 1, address);
    }
  }
}

/** What a search for parallel paths met. What it met of another route than the flows' is no sibling of theirs. */
function learnDiscovered(memory: DestinationMemory, trace: Trace): void {
  const { multipath } = trace;
  if (multipath === undefined || multipath.changed === true) return;
  for (const [i, addresses] of multipath.interfaces.entries()) {
    for (const address of addresses) {
      if (address !== memory.address && !memory.knows(i + 1, address)) memory.addSibling(i + 1, address);
    }
  }
  memory.discoveredPaths = discoveredPaths(trace);
}

function noteOvershoot(memory: DestinationMemory, path: SeenPath, comparison: Comparison): void {
  if (comparison.overshoot)
    memory.noteOvershoot(path.flow, path.silentTries[memory.lengthOf(path.flow)] ?? 1);
  else if (path.reachedTtl > 0 && memory.overshoots.length > 0) memory.overshoots[path.flow] = 0;
}

/** Distinct paths over the fixed flows, as remembered; unknown hops distinguish nothing. */
function distinctExpected(memory: DestinationMemory): number {
  const kept: number[] = [];
  for (let flow = 0; flow < memory.flows; flow++) {
    let known = 0;
    for (let ttl = 1; ttl <= memory.horizon; ttl++) if (memory.expected(flow, ttl) !== 0) known++;
    if (known > 0 && !kept.some((other) => samePath(memory, flow, other))) kept.push(flow);
  }
  return kept.length;
}

function samePath(memory: DestinationMemory, a: number, b: number): boolean {
  for (let ttl = 1; ttl <= memory.horizon; ttl++) {
    const x = memory.expectedAddress(a, ttl);
    const y = memory.expectedAddress(b, ttl);
    if (x !== '' && y !== '' && !memory.alike(ttl, x, y)) return false;
  }
  return true;
}
