// How true path changes are: many targets over many rounds of virtual time, with every nuisance that makes others cry
// wolf, and scheduled changes whose truth is known. Prints false events (of kinds reroute, as_path and length: none is
// allowed) and how many true changes were reported within two rounds, of the right kind, at the right hop.
//
//   node bench/path-truth.ts [targets=2000] [rounds=500] [seed=1]

import { AddressTable } from '../src/path/address-table.ts';
import { PATH_CHANGE_KINDS, type PathChange, type PathChangeKind } from '../src/path/observation.ts';
import { createPathTracker } from '../src/path/tracker.ts';
import type { Trace } from '../src/trace/trace.ts';
import {
  changedRoute,
  EVENT_KINDS,
  type EventKind,
  newRoute,
  plainTruth,
  type Truth,
  truthOf,
} from './path-events.ts';
import { PathWorld, type Rename, type Route, type TraceWish } from './path-world.ts';
import { renderTable } from './table.ts';

const FLOWS = 4;
const INTERVAL_MS = 60_000;
/** Rounds before the first change: baseline and delays are known. */
const QUIET_START = 15;
const DETECTION_ROUNDS = 2;
/** A change seen only through hops that answer now and then may take so long to show. */
const DIM_ROUNDS = 40;
const MAX_TTL = 30;

/** One change that was made to happen. */
export interface Scheduled {
  readonly event: EventKind;
  readonly round: number;
  /** The last round in which it may be reported. */
  readonly dueRound: number;
  readonly truth: Truth;
}

/** Something that yields Traces, one target at a time: the small world here, or real packets. */
export interface PathSource {
  readonly asNumberOf: (address: string) => number | null;
  /** Moves on to this round, and does what happens in it; returns what a monitor must now notice. */
  advance(round: number): Scheduled | null;
  trace(wish: TraceWish): Trace;
  /** The round's first trace is over; what comes now is later. */
  settle(): void;
}

export class SyntheticSource implements PathSource {
  readonly #world: PathWorld;
  readonly #history: { readonly route: Route; readonly event: EventKind }[] = [];
  readonly #only: EventKind | null;
  #nextEvent: number;
  #restoreAt = -1;

  constructor(seed: number, only: EventKind | null = null) {
    this.#world = new PathWorld(seed);
    this.#only = only;
    const { random } = this.#world;
    this.#world.route = newRoute(this.#world);
    if (random.chance(0.05)) this.#world.destinationRate = 0.6;
    this.#nextEvent = QUIET_START + random.below(40);
  }

  readonly asNumberOf = (address: string): number | null => this.#world.asNumberOf(address);

  advance(round: number): Scheduled | null {
    const world = this.#world;
    const { random } = world;
    world.round = round;
    world.blend = null;
    if (this.#restoreAt === round) {
      world.cutAfter = 0;
      this.#restoreAt = -1;
      const truth = plainTruth('recovered', 0);
      return { event: 'outage', round, dueRound: round + DETECTION_ROUNDS - 1, truth };
    }
    if (this.#restoreAt >= 0) return null;
    if (round >= this.#nextEvent) {
      this.#nextEvent = round + (random.chance(0.3) ? random.between(3, 12) : random.between(20, 180));
      return this.#happen(round);
    }
    const quiet = this.#nextEvent - round;
    if (quiet > 4 && random.chance(0.006)) this.#rename();
    if (random.chance(0.004)) this.#congest();
    return null;
  }

  trace(wish: TraceWish): Trace {
    return this.#world.trace(wish);
  }

  settle(): void {
    this.#world.blend = null;
  }

  #happen(round: number): Scheduled | null {
    const world = this.#world;
    const { random } = world;
    const event = this.#only ?? (EVENT_KINDS[random.below(EVENT_KINDS.length)] as EventKind);
    if (event === 'outage') {
      world.cutAfter = random.between(1, Math.max(1, world.wayOf(world.route, 0).places.length - 1));
      this.#restoreAt = round + random.between(5, 9);
      this.#nextEvent = Math.max(this.#nextEvent, this.#restoreAt + 3);
      const truth = plainTruth('unreachable', 0);
      return { event, round, dueRound: round + DETECTION_ROUNDS - 1, truth };
    }
    const old = world.route;
    const undone = event === 'back' ? this.#history.pop() : undefined;
    const route = event === 'back' ? (undone?.route ?? null) : changedRoute(world, event);
    if (route === null || route.length === 0) return null;
    const truth = truthOf(world, undone?.event ?? event, old, route, FLOWS);
    if (event !== 'back') this.#history.push({ route: old, event });
    if (this.#history.length > 4) this.#history.shift();
    world.route = route;
    let dueRound = round + DETECTION_ROUNDS - 1;
    if (random.chance(0.25)) {
      // It happens during the trace, of which some part was before: two whole rounds are still to come.
      world.blend = { old, share: random.next() };
      dueRound++;
    }
    return { event, round, dueRound, truth };
  }

  #rename(): void {
    const { random, route } = this.#world;
    const segment = route[random.below(route.length)];
    if (segment === undefined) return;
    const router =
      segment.kind === 'router'
        ? segment.router
        : segment.branches[0]?.[random.below(segment.branches[0].length)];
    if (router === undefined) return;
    const kind = random.below(4);
    const next: Rename | null =
      kind === 0
        ? { kind: 'by-turns', rounds: random.between(1, 20) }
        : kind === 1
          ? { kind: 'by-reply' }
          : kind === 2
            ? { kind: 'for-good' }
            : null;
    router.rename = next;
    // Its own replies may take another way back.
    if (random.chance(0.3)) router.ownMs = 8 * random.next();
  }

  #congest(): void {
    const world = this.#world;
    const { random } = world;
    world.congestion =
      world.congestion === null
        ? { from: random.between(1, world.route.length), ms: 2 + 20 * random.next() }
        : null;
  }
}

interface Tally {
  scheduled: number;
  detected: number;
  invisible: number;
  ambiguous: number;
  dim: number;
  rightKind: number;
  rightHop: number;
}

interface Result {
  targetRounds: number;
  falseEvents: Record<PathChangeKind, number>;
  extraIds: number;
  confirmations: number;
  readonly tallies: Map<EventKind, Tally>;
  readonly misses: string[];
}

interface Reported {
  readonly round: number;
  readonly change: PathChange;
  used: boolean;
}

export function runTarget(
  source: PathSource,
  rounds: number,
  addresses: AddressTable,
  result: Result,
  name: string,
): void {
  const tracker = createPathTracker({ flows: FLOWS, asNumberOf: source.asNumberOf, addresses });
  const scheduled: Scheduled[] = [];
  const reported: Reported[] = [];
  let pathId: string | null = null;
  for (let round = 0; round < rounds; round++) {
    const event = source.advance(round);
    if (event !== null) scheduled.push(event);
    const atMs = round * INTERVAL_MS;
    let seen = tracker.observe(
      source.trace({ firstFlow: 0, flows: FLOWS, firstTtl: 1, maxTtl: MAX_TTL }),
      atMs,
    );
    source.settle();
    const changes = [...seen.changes];
    for (let wanted = tracker.confirmation(); wanted !== null; wanted = tracker.confirmation()) {
      const { flow, flows, firstTtl, maxTtl } = wanted;
      seen = tracker.confirm(source.trace({ firstFlow: flow, flows, firstTtl, maxTtl }), atMs);
      changes.push(...seen.changes);
      result.confirmations++;
    }
    for (const change of changes) reported.push({ round, change, used: false });
    const moved = changes.some(({ kind }) => kind === 'reroute' || kind === 'length');
    if (round >= QUIET_START && seen.pathId !== pathId && !moved) result.extraIds++;
    pathId = seen.pathId;
  }
  tracker.close();
  result.targetRounds += rounds;
  score(scheduled, reported, rounds, result, name);
}

/** Every scheduled change takes the report that answers it; what is left over is false. */
function score(
  scheduled: readonly Scheduled[],
  reported: readonly Reported[],
  rounds: number,
  result: Result,
  name: string,
): void {
  for (const { event, round, dueRound, truth } of scheduled) {
    const tally = tallyOf(result, event);
    const near = reported.filter((one) => one.round >= round && one.round <= dueRound && !one.used);
    const main = near.filter(({ change }) => change.kind !== 'as_path');
    const match = main.find(({ change }) => change.kind === truth.kind) ?? main[0];
    const asPath = near.find(({ change }) => change.kind === 'as_path');
    if (match !== undefined) match.used = true;
    if (asPath !== undefined && truth.asPath !== 'same') asPath.used = true;
    // Too near to the end to be judged.
    if (dueRound >= rounds) continue;
    tally.scheduled++;
    if (truth.kind === null) {
      tally.invisible++;
      // Nothing to see, so nothing may be said.
      if (match !== undefined) match.used = false;
      continue;
    }
    if (truth.ambiguous) {
      tally.ambiguous++;
      continue;
    }
    if (truth.dim) {
      tally.dim++;
      const late = reported.find((one) => !one.used && one.round >= round && one.change.kind === truth.kind);
      if (match === undefined && late !== undefined && late.round < round + DIM_ROUNDS) late.used = true;
      continue;
    }
    const kindIsRight =
      match?.change.kind === truth.kind && (truth.asPath !== 'changed' || asPath !== undefined);
    const hop = match?.change.firstHop ?? -1;
    const hopIsRight = hop >= truth.firstHop && hop <= truth.clearHop;
    if (match !== undefined) tally.detected++;
    if (kindIsRight) tally.rightKind++;
    if (kindIsRight && hopIsRight) tally.rightHop++;
    else {
      const got = near
        .map((one) => `${one.change.kind}@${one.change.firstHop}+${one.round - round}`)
        .join(' ');
      const want = `${truth.kind}@${truth.firstHop}${truth.asPath === 'changed' ? ' as_path' : ''}`;
      result.misses.push(`${name} round ${round} ${event}: wanted ${want}, got ${got || 'nothing'}`);
    }
  }
  for (const { change, round, used } of reported) {
    if (used) continue;
    result.falseEvents[change.kind]++;
    result.misses.push(`${name} round ${round} FALSE ${change.kind}@${change.firstHop}`);
  }
}

function tallyOf(result: Result, event: EventKind): Tally {
  let tally = result.tallies.get(event);
  if (tally === undefined) {
    tally = { scheduled: 0, detected: 0, invisible: 0, ambiguous: 0, dim: 0, rightKind: 0, rightHop: 0 };
    result.tallies.set(event, tally);
  }
  return tally;
}

export function newResult(): Result {
  const none = Object.fromEntries(PATH_CHANGE_KINDS.map((kind) => [kind, 0])) as Record<
    PathChangeKind,
    number
  >;
  return {
    targetRounds: 0,
    falseEvents: none,
    extraIds: 0,
    confirmations: 0,
    tallies: new Map(),
    misses: [],
  };
}

function print(result: Result): void {
  const rows = [...result.tallies].map(([event, t]) => {
    const due = t.scheduled - t.invisible - t.ambiguous - t.dim;
    return [
      event,
      t.scheduled,
      t.invisible,
      t.ambiguous,
      t.dim,
      due,
      t.detected,
      t.rightKind,
      t.rightHop,
    ].map(String);
  });
  const header = [
    'event',
    'scheduled',
    'invisible',
    'ambiguous',
    'dim',
    'due',
    'reported',
    'right kind',
    'and hop',
  ];
  console.log(renderTable(header, rows));
  console.log();
  console.log(
    renderTable(
      ['kind', 'false events'],
      PATH_CHANGE_KINDS.map((kind) => [kind, String(result.falseEvents[kind])]),
    ),
  );
  console.log(
    `\n${result.targetRounds} target-rounds; ${result.confirmations} confirming traces; ` +
      `${result.extraIds} changes of path id without an event`,
  );
}

if (import.meta.main) {
  const [targets = 2000, rounds = 500, seed = 1] = process.argv.slice(2).map(Number);
  const result = newResult();
  const addresses = new AddressTable();
  const began = performance.now();
  for (let target = 0; target < targets; target++) {
    const source = new SyntheticSource(seed * 1_000_003 + target);
    runTarget(source, rounds, addresses, result, `target ${target}`);
  }
  print(result);
  console.log(
    `${((performance.now() - began) / 1000).toFixed(1)} s; addresses left in the table: ${addresses.size}`,
  );
  for (const miss of result.misses.slice(0, 400)) console.log(miss);
  if (result.misses.length > 400) console.log(`and ${result.misses.length - 400} more`);
  const { reroute, as_path: asPath, length } = result.falseEvents;
  process.exitCode = reroute + asPath + length > 0 ? 1 : 0;
}
