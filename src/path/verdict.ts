// What a proven difference is: a rehash, a router under another address, a reroute, or another length.
// Invariant: no verdict rests on names, and where the evidence fits a mere renaming, it is one.
//
// A router that answers from another interface and a route over another router can look alike when only one hop
// differs. What tells them apart: a route over other routers almost always changes what follows too, because routers
// answer from the interface that a probe came in by; if not, it changes the delay of all later hops together (a renamed
// router changes at most its own), or the initial TTL of the replies (another make of router).

import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import type { Investigation } from './investigation.ts';
import { addressAt, compareWithMemory, type SeenPath } from './seen-path.ts';
import { medianOf } from './statistics.ts';

export type Verdict = 'renamed' | 'ecmp' | 'reroute' | 'length';

/** Mean deviations by which later hops must be delayed together. */
const DELAY_DEVIATIONS = 6;
const LEAST_DELAY_MS = 0.1;
/** Replies of a hop that must be in memory before its delay says anything. */
const LEAST_HITS = 8;
const LEAST_SAMPLES = 2;
/** Hops on either side that must speak the same way. */
const NEIGHBOURS = 3;
/** How much more often balancers rehash than a branch of theirs is rerouted. */
const REHASH_ODDS = 10;
/** Unanswered probes after which a hop counts as one that never answers. */
const SILENT_TRIES = 60;

export function judge(investigation: Investigation): Verdict {
  const { memory } = investigation;
  const moved = investigation.movedFlows();
  if (investigation.overshoot) return 'length';
  if (isRehash(investigation, moved)) return 'ecmp';
  if (isSingleHop(investigation) && !showsAnotherRouter(investigation)) return 'renamed';
  return changesOnlyLength(memory, investigation) ? 'length' : 'reroute';
}

/** Flows moved among routers that still carry others. */
function isRehash(investigation: Investigation, moved: readonly number[]): boolean {
  const { memory, paths } = investigation;
  if (investigation.oldInUse()) return true;
  let allKnown = true;
  for (const flow of moved) {
    const path = paths.get(flow);
    if (path === undefined) continue;
    const ttls = compareWithMemory(memory, path).difference?.ttls ?? [];
    if (ttls.some((ttl) => !memory.knows(ttl, addressAt(path, ttl)))) allKnown = false;
  }
  if (allKnown) return moved.length < sightedFlows(paths);
  return !isSingleHop(investigation) && suggestsRehash(investigation, moved);
}

/**
 * Flows moved to strangers, and nobody was seen on what they left: were W routers rehashed of which few are known, or
 * was one replaced? A rehash leaves each flow where it was with 1/W, and lets n sights miss m old routers with
 * (1 - m/W)^n; a replacement does both for certain.
 */
function suggestsRehash(investigation: Investigation, moved: readonly number[]): boolean {
  const { memory, flow, first } = investigation;
  const beside = investigation.besides(flow);
  const left = new Set<string>();
  for (const other of moved)
    if (investigation.firstOf(other) === first) left.add(memory.expectedAddress(other, first));
  const unmoved = investigation.unmovedBeside(flow);
  const width = new Set([...beside, ...left]).size;
  const sights = beside.length - unmoved;
  if (unmoved === 0 && !beside.some((address) => memory.knows(first, address))) return false;
  const chance = (1 / width) ** unmoved * Math.max(0, 1 - left.size / width) ** sights;
  return chance * REHASH_ODDS > 1;
}

function sightedFlows(paths: ReadonlyMap<number, SeenPath>): number {
  let sighted = 0;
  for (const path of paths.values()) if (path.hops.some((set) => set.length > 0)) sighted++;
  return sighted;
}

/**
 * One router's place shows another address to the suspected flow, and what comes before and after is the same. Hops
 * that spread packets do not count: a stranger there is no second sign.
 */
function isSingleHop(investigation: Investigation): boolean {
  const { memory, flow, ttls, first, candidate } = investigation;
  if (!ttls.has(first)) return false;
  for (const ttl of ttls) if (ttl !== first && investigation.isTelling(ttl)) return false;
  if (candidate.get(first) === DESTINATION_MARK) return false;
  return memory.expectedAddress(flow, first) !== DESTINATION_MARK;
}

/** Evidence that another router stands at `first`, beyond its other address. */
function showsAnotherRouter(investigation: Investigation): boolean {
  const { memory, first, candidate, samples } = investigation;
  // Where flows part, what is remembered of a TTL may be another router's.
  const was =
    memory.isShared(first) && !investigation.isSpread(first) ? initialTtl(memory.replyTtlAt(first)) : 0;
  const address = candidate.get(first) ?? '';
  for (const sample of samples) {
    if (sample.ttl !== first || sample.address !== address || sample.replyTtl === 0 || was === 0) continue;
    if (initialTtl(sample.replyTtl) !== was) return true;
  }
  return neighbourSpeaksUp(investigation) || laterHopsShifted(investigation);
}

/** A hop beside it answers that never did, in the same moment. */
function neighbourSpeaksUp({ memory, first, flow, candidate }: Investigation): boolean {
  return [first - 1, first + 1].some(
    (ttl) =>
      ttl > 0 &&
      candidate.has(ttl) &&
      memory.expected(flow, ttl) === 0 &&
      memory.hitsAt(ttl) === 0 &&
      memory.triesAt(ttl) >= SILENT_TRIES,
  );
}

/** The value that systems start from which is the least above what arrived: 32, 64, 128 or 255; 0 for unknown. */
export function initialTtl(replyTtl: number): number {
  if (replyTtl <= 0) return 0;
  for (const initial of [32, 64, 128]) if (replyTtl <= initial) return initial;
  return 255;
}

/**
 * Whether the hop itself and those beyond are farther or nearer in time than they were a round ago, as one, and those
 * before are not: a queue that fills somewhere before would delay them too, and one beyond would spare the hop itself.
 */
function laterHopsShifted(investigation: Investigation): boolean {
  const { memory, first } = investigation;
  const before: number[] = [];
  const next: number[] = [];
  let own = 0;
  const shifts: number[] = [];
  const deviations: number[] = [];
  for (const [ttl, rtts] of rttsByTtl(investigation)) {
    if (memory.hitsAt(ttl) < LEAST_HITS) continue;
    const { centreMs, deviationMs, latestMs } = memory.rttAt(ttl);
    const least = Math.min(...rtts);
    const shift = smaller(least - centreMs, least - latestMs);
    if (ttl < first) before.push(shift);
    if (ttl <= first || rtts.length < LEAST_SAMPLES) {
      if (ttl === first) own = shift;
      continue;
    }
    if (next.length < NEIGHBOURS) next.push(shift);
    if (!memory.isShared(ttl)) continue;
    shifts.push(shift);
    deviations.push(deviationMs);
  }
  if (shifts.length === 0) return false;
  const upstream = before.length === 0 ? 0 : medianOf(before.slice(-NEIGHBOURS));
  const shift = medianOf(shifts) - upstream;
  if (Math.abs(shift) < Math.max(LEAST_DELAY_MS, DELAY_DEVIATIONS * medianOf(deviations))) return false;
  const agrees = (each: number, share: number): boolean =>
    (each - upstream) * Math.sign(shift) >= Math.abs(shift) * share;
  return (
    Math.abs(upstream) < Math.abs(shift) / 2 &&
    agrees(own, 1 / 4) &&
    next.every((each) => agrees(each, 1 / 2))
  );
}

function rttsByTtl({ samples }: Investigation): [number, number[]][] {
  const byTtl = new Map<number, number[]>();
  for (const { ttl, rttMs } of samples) {
    const list = byTtl.get(ttl);
    if (list === undefined) byTtl.set(ttl, [rttMs]);
    else list.push(rttMs);
  }
  return [...byTtl].sort(([a], [b]) => a - b);
}

/** The one nearer to 0; 0 when their signs differ. */
function smaller(a: number, b: number): number {
  if (Math.sign(a) !== Math.sign(b)) return 0;
  return Math.abs(a) < Math.abs(b) ? a : b;
}

/** The destination is at another distance, and no TTL shows an address against another: silent hops hide the rest. */
function changesOnlyLength(memory: DestinationMemory, investigation: Investigation): boolean {
  const { flow, length, ttls } = investigation;
  return length > 0 && [...ttls].every((ttl) => ttl > length || memory.expected(flow, ttl) === 0);
}
