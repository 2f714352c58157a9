// Makes a proven new path the remembered one, or remembers what alternated. Invariant: what the new path did not show is
// unknown, except where it has joined the old one again.

import { DESTINATION_MARK } from './address-table.ts';
import { ANYWHERE } from './aliases.ts';
import type { DestinationMemory } from './destination-memory.ts';
import type { Evidence, FlowStanding } from './evidence.ts';
import { expectedHops } from './expected-paths.ts';
import type { Investigation } from './investigation.ts';
import type { SeenPath } from './seen-path.ts';
import type { Verdict } from './verdict.ts';

/** What the suspected flow expected, and what it shows now; by TTL from 1 on. */
export interface BeforeAfter {
  readonly before: readonly (string | null)[];
  readonly after: readonly (string | null)[];
}

/** Times that an address must have shown beside the expected one before both stand for one position. */
const SUSPICIONS = 2;

/** Times that ways of different length must have shown: a route that changes meanwhile looks the same once. */
const UNEVEN_SIGNS = 2;
/** Probes that a tracer spends on an end, and the probability up to which chance may take all of them. */
const DECISIVE_TRIES = 3;
const WAVERING_ALPHA = 1e-3;

interface Move {
  readonly standing: FlowStanding;
  readonly path: SeenPath;
  /** First TTL beyond the differences at which the path was seen to be the remembered one again; 256 for none. */
  readonly rejoinedAt: number;
  /** By TTL: whether the path was seen to be the remembered one. */
  readonly same: readonly boolean[];
  /** By TTL: all that the flow showed. */
  readonly shown: readonly (readonly string[])[];
  /** By TTL: probes that were answered, and that were not. */
  readonly answered: readonly number[];
  readonly silent: readonly number[];
}

/** Adopts the verdict for every flow that moved; returns the suspected flow's path before and after. */
export function adopt(investigation: Investigation, verdict: Verdict): BeforeAfter {
  const { memory } = investigation;
  const { flow, first } = investigation.suspect();
  const before = expectedHops(memory, flow);
  const moves = investigation.moved().flatMap((standing) => moveOf(investigation.evidence, standing));
  if (verdict === 'renamed') {
    for (const move of moves) rename(investigation, move);
    return { before, after: expectedHops(memory, flow) };
  }
  if (verdict === 'ecmp') keepAsSiblings(investigation, moves);
  else forgetUnseen(investigation, moves);
  for (const move of moves) replace(memory, move, verdict === 'ecmp' ? move.standing.first : first);
  if (verdict !== 'ecmp') {
    memory.dropSiblingsFrom(first);
    memory.resetRepliesFrom(first);
    // What was met since counts: how much is known of spread hops hangs on it.
    for (const { answered, silent } of moves) {
      for (let ttl = first; ttl < answered.length; ttl++) {
        for (let i = 0; i < (answered[ttl] ?? 0); i++) memory.tally(ttl, true);
        for (let i = 0; i < (silent[ttl] ?? 0); i++) memory.tally(ttl, false);
      }
    }
    memory.seenWhole = moves.filter(({ path }) => path.reachedTtl > 0).map(({ standing }) => standing.flow);
    memory.settled = 0;
    memory.unevenSigns = 0;
    if (first <= memory.unevenFrom) memory.unevenFrom = 0;
  }
  memory.overshoots = [];
  return { before, after: expectedHops(memory, flow) };
}

/** No change. What alternated stands for one position from now on: at once where a hop spreads packets, else in time. */
export function learnAlternations(investigation: Investigation): void {
  const { memory, evidence } = investigation;
  noteUnevenWays(memory, evidence);
  for (let flow = 0; flow < memory.flows; flow++) {
    const doubts = evidence.sights.doubtsOf(flow);
    for (const { ttl, address } of doubts) {
      const expected = memory.expectedAddress(flow, ttl);
      if (expected === '' || expected === DESTINATION_MARK || address === DESTINATION_MARK) continue;
      const alone = doubts.every((other) => other.ttl === ttl);
      const spread =
        evidence.positions.isSpread(flow, ttl) || evidence.positions.statusAt(flow, ttl) === 'spread';
      if (alone || spread || memory.suspect(ttl, address) >= SUSPICIONS) memory.unite(ttl, expected, address);
    }
  }
}

/** Packets of one flow that go ways of different length make a muddle of all TTLs from where they part. */
function noteUnevenWays(memory: DestinationMemory, evidence: Evidence): void {
  const all = evidence.standings();
  // Where routers have no addresses the ends alone tell, and those of one flow may be lost answers.
  const answersWell = memory.destinationSilenceIsImprobable(DECISIVE_TRIES, WAVERING_ALPHA);
  const wavering = all.filter(({ flow }) => answersWell && evidence.sights.endWavers(flow));
  const uneven = wavering.length > 1 ? wavering : all.filter(({ flow }) => evidence.sights.isUneven(flow));
  if (uneven.length === 0) return;
  memory.unevenSigns++;
  if (memory.unevenSigns < UNEVEN_SIGNS) return;
  for (const { flow } of uneven) {
    const parting = evidence.positions.partingOf(flow);
    if (memory.unevenFrom === 0 || parting < memory.unevenFrom) memory.unevenFrom = parting;
  }
}

/** Everything that is read of evidence, before memory changes under it. */
function moveOf(evidence: Evidence, standing: FlowStanding): Move[] {
  const { flow, differs } = standing;
  const path = evidence.merged(flow);
  if (path === undefined) return [];
  const same: boolean[] = [];
  const shown: string[][] = [];
  const answered: number[] = [];
  const silent: number[] = [];
  for (let ttl = 1; ttl <= evidence.sights.horizon; ttl++) {
    same[ttl] = evidence.positions.statusAt(flow, ttl) === 'same';
    answered[ttl] = evidence.sights.sightsAt(flow, ttl);
    silent[ttl] = evidence.sights.silentTriesAt(flow, ttl);
    shown[ttl] = evidence.sights.shownAt(flow, ttl).filter((address) => address !== DESTINATION_MARK);
  }
  const length = evidence.sights.lengthOf(flow);
  const last = differs.at(-1) ?? 255;
  const joined = same.findIndex((is, ttl) => is && ttl > last);
  const end = path.reachedTtl || (joined > 0 ? length : 0);
  return [
    {
      standing,
      path: { ...path, reachedTtl: end },
      rejoinedAt: joined > 0 && end === length ? joined : 256,
      same,
      shown,
      answered,
      silent,
    },
  ];
}

/** The flows that met the renamed router know its new address; for the others it is an alias that they may meet. */
function rename({ memory, evidence }: Investigation, { standing, path, shown }: Move): void {
  const { flow, differs } = standing;
  for (const ttl of differs) {
    const address = path.hops[ttl - 1]?.[0] ?? '';
    const old = memory.expectedAddress(flow, ttl);
    if (address === '' || old === '') continue;
    if (evidence.positions.isSpread(flow, ttl)) {
      for (const each of [address, ...(shown[ttl] ?? [])]) memory.unite(ttl, old, each);
    } else {
      memory.expect(flow, ttl, address);
      memory.unite(ANYWHERE, old, address);
    }
  }
}

/** Flows that shared what was replaced and have not been seen since: where they go now is not known. */
function forgetUnseen({ memory, evidence }: Investigation, moves: readonly Move[]): void {
  const moved = new Set(moves.map(({ standing }) => standing.flow));
  const olds = moves.flatMap(({ standing: { flow, differs, farther } }) =>
    (farther || differs.length === 0 ? [evidence.sights.lengthOf(flow)] : differs).map((ttl) => ({
      ttl,
      old: memory.expectedAddress(flow, ttl),
    })),
  );
  for (let flow = 0; flow < memory.flows; flow++) {
    if (moved.has(flow)) continue;
    for (const { ttl, old } of olds) {
      if (old === '' || evidence.sights.shownAt(flow, ttl).length > 0) continue;
      const expected = memory.expectedAddress(flow, ttl);
      if (expected !== '' && memory.alike(ttl, expected, old)) memory.forget(flow, ttl);
    }
  }
}

/** Where flows were and where they are now both belong to the balanced hop. */
function keepAsSiblings({ memory, extras }: Investigation, moves: readonly Move[]): void {
  for (const { standing, path } of moves) {
    for (const ttl of standing.differs) {
      memory.addSibling(ttl, memory.expectedAddress(standing.flow, ttl) || DESTINATION_MARK);
      memory.addSibling(ttl, path.hops[ttl - 1]?.[0] ?? DESTINATION_MARK);
    }
  }
  const first = moves[0]?.standing.first ?? 0;
  for (const path of extras)
    for (const address of path.hops[first - 1] ?? []) memory.addSibling(first, address);
}

function replace(memory: DestinationMemory, move: Move, first: number): void {
  const { standing, path, rejoinedAt, same, shown } = move;
  const { flow } = standing;
  const end = path.reachedTtl;
  // A hop just before that has not been seen since may have changed too.
  for (let ttl = Math.min(first, standing.first) - 1; ttl >= 1 && same[ttl] !== true; ttl--)
    memory.forget(flow, ttl);
  for (const ttl of standing.stale) {
    const address = path.hops[ttl - 1]?.[0] ?? '';
    if (ttl < first && address !== '' && address !== DESTINATION_MARK) memory.expect(flow, ttl, address);
  }
  const last = Math.max(memory.horizon, path.hops.length);
  for (let ttl = Math.min(first, standing.first); ttl <= last; ttl++) {
    const address = path.hops[ttl - 1]?.[0] ?? '';
    if (end > 0 && ttl > end) memory.forget(flow, ttl);
    else if (ttl === end) memory.expect(flow, ttl, DESTINATION_MARK);
    else if (same[ttl] === true) continue;
    else if (address !== '' && address !== DESTINATION_MARK) {
      memory.expect(flow, ttl, address);
      for (const other of shown[ttl] ?? []) memory.unite(ttl, address, other);
    } else if (ttl < rejoinedAt) memory.forget(flow, ttl);
  }
}
