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

/** Standard errors by which later hops must be delayed together. */
const DELAY_Z = 6;
const LEAST_DELAY_MS = 0.05;
/** Replies of a hop that must be in memory before its delay says anything. */
const LEAST_HITS = 8;
const LEAST_SAMPLES = 2;

export function judge(investigation: Investigation): Verdict {
  const { memory } = investigation;
  const moved = investigation.movedFlows();
  if (investigation.overshoot) return 'length';
  if (isRehash(investigation, moved)) return 'ecmp';
  if (isSingleHop(investigation, moved) && !showsAnotherRouter(investigation)) return 'renamed';
  return changesOnlyLength(memory, investigation) ? 'length' : 'reroute';
}

/** Flows moved among routers that still carry others. */
function isRehash(investigation: Investigation, moved: readonly number[]): boolean {
  const { memory, paths, first } = investigation;
  const inUse = investigation.oldInUse();
  const strangers = new Set<string>();
  let allKnown = true;
  for (const flow of moved) {
    const path = paths.get(flow);
    if (path === undefined) continue;
    for (const ttl of compareWithMemory(memory, path).difference?.ttls ?? []) {
      const address = addressAt(path, ttl);
      if (memory.knows(ttl, address)) continue;
      allKnown = false;
      if (ttl === first) strangers.add(address);
    }
  }
  if (inUse) return true;
  if (allKnown) return moved.length < sightedFlows(paths);
  // Some router of the hop still carries flows, and several strangers appeared: more routers than were known.
  for (const address of investigation.extras) if (!memory.knows(first, address)) strangers.add(address);
  const anyKnown = [...investigation.extras].some((address) => memory.knows(first, address));
  return anyKnown && strangers.size >= 2;
}

function sightedFlows(paths: ReadonlyMap<number, SeenPath>): number {
  let sighted = 0;
  for (const path of paths.values()) if (path.hops.some((set) => set.length > 0)) sighted++;
  return sighted;
}

/** One router's place shows another address, and what follows it is the same. */
function isSingleHop(investigation: Investigation, moved: readonly number[]): boolean {
  const { memory, paths, flow, ttls, first } = investigation;
  if (ttls.size !== 1 || !ttls.has(first)) return false;
  if (investigation.candidate.get(first) === DESTINATION_MARK) return false;
  if (memory.expectedAddress(flow, first) === DESTINATION_MARK) return false;
  return moved.every((other) => {
    const path = paths.get(other);
    const difference = path === undefined ? null : compareWithMemory(memory, path).difference;
    return difference === null || (difference.ttls.length === 1 && difference.first === first);
  });
}

/** Evidence that another router stands at `first`, beyond its other address. */
function showsAnotherRouter(investigation: Investigation): boolean {
  const { memory, first, candidate, samples } = investigation;
  const was = initialTtl(memory.replyTtlAt(first));
  const address = candidate.get(first) ?? '';
  for (const sample of samples) {
    if (sample.ttl !== first || sample.address !== address || sample.replyTtl === 0 || was === 0) continue;
    if (initialTtl(sample.replyTtl) !== was) return true;
  }
  return laterHopsShifted(investigation);
}

/** The value that systems start from which is the least above what arrived: 32, 64, 128 or 255; 0 for unknown. */
export function initialTtl(replyTtl: number): number {
  if (replyTtl <= 0) return 0;
  for (const initial of [32, 64, 128]) if (replyTtl <= initial) return initial;
  return 255;
}

/** Whether the hops beyond `first` are farther or nearer in time than they were, as one, while those before are not. */
function laterHopsShifted(investigation: Investigation): boolean {
  const { memory, first, samples } = investigation;
  const byTtl = new Map<number, number[]>();
  for (const { ttl, rttMs } of samples) {
    const list = byTtl.get(ttl);
    if (list === undefined) byTtl.set(ttl, [rttMs]);
    else list.push(rttMs);
  }
  const before: number[] = [];
  const shifts: number[] = [];
  const errors: number[] = [];
  for (const [ttl, rtts] of byTtl) {
    if (memory.hitsAt(ttl) < LEAST_HITS || rtts.length < LEAST_SAMPLES || ttl === first) continue;
    const { centreMs, spreadMs } = memory.rttAt(ttl);
    const shift = medianOf(rtts) - centreMs;
    if (ttl < first) before.push(shift);
    else {
      shifts.push(shift);
      // A median of n errs by about 1.25 sigma / sqrt(n), and sigma is about 1.25 mean deviations.
      errors.push(1.57 * spreadMs * Math.sqrt(1 / rtts.length + 1 / 16));
    }
  }
  if (shifts.length === 0) return false;
  const base = before.length === 0 ? 0 : medianOf(before);
  const shift = medianOf(shifts.slice()) - base;
  const error = medianOf(errors);
  if (Math.abs(shift) < Math.max(LEAST_DELAY_MS, DELAY_Z * error)) return false;
  const agreeing = shifts.filter((each) => Math.sign(each - base) === Math.sign(shift)).length;
  return agreeing * 3 >= shifts.length * 2;
}

/** The destination is at another distance, and no TTL shows an address against another: silent hops hide the rest. */
function changesOnlyLength(memory: DestinationMemory, investigation: Investigation): boolean {
  const { flow, length, ttls } = investigation;
  return length > 0 && [...ttls].every((ttl) => ttl > length || memory.expected(flow, ttl) === 0);
}
