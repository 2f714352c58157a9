// Whether the way beyond a hop has become longer or shorter in time. Invariant: congestion before the hop, or at one
// hop alone, is no sign of it.

import type { DestinationMemory } from './destination-memory.ts';
import type { DelaySample } from './sights.ts';
import { medianOf } from './statistics.ts';

/** Mean deviations by which later hops must be delayed together. */
const DELAY_DEVIATIONS = 6;
const LEAST_DELAY_MS = 0.1;
/** Replies of a hop that must be in memory before its delay says anything. */
const LEAST_HITS = 8;
/** Rounds of this route that the delays must have been learnt in. */
const LEAST_ROUNDS = 5;
const LEAST_SAMPLES = 2;
/** Share of a shift by which those of single hops may miss it and still agree. */
const LIKENESS = 1 / 4;
/** Hops on either side that must speak the same way. */
const NEIGHBOURS = 3;

/**
 * Whether the hop itself and those beyond are farther or nearer in time than they were a round ago, as one, and those
 * before are not: a queue that fills somewhere before would delay them too, and one beyond would spare the hop itself.
 */
export function laterHopsShifted(
  memory: DestinationMemory,
  samples: readonly DelaySample[],
  first: number,
): boolean {
  if (memory.settled < LEAST_ROUNDS) return false;
  const before: number[] = [];
  const next: number[] = [];
  let own = 0;
  const shifts: number[] = [];
  const deviations: number[] = [];
  for (const [ttl, rtts] of rttsByTtl(samples)) {
    const { centreMs, deviationMs, latestMs } = memory.rttAt(ttl);
    if (memory.hitsAt(ttl) < LEAST_HITS || centreMs === 0) continue;
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
  // Shifts that agree speak for one another, however restless some of the hops have been.
  const alike = shifts.every((each) => Math.abs(each - upstream - shift) <= Math.abs(shift) * LIKENESS);
  const deviation = alike && shifts.length > 1 ? Math.min(...deviations) : medianOf(deviations);
  if (Math.abs(shift) < Math.max(LEAST_DELAY_MS, DELAY_DEVIATIONS * deviation)) return false;
  const agrees = (each: number, share: number): boolean =>
    (each - upstream) * Math.sign(shift) >= Math.abs(shift) * share;
  return (
    Math.abs(upstream) < Math.abs(shift) / 2 &&
    agrees(own, 1 / 4) &&
    next.every((each) => agrees(each, 1 / 2))
  );
}

function rttsByTtl(samples: readonly DelaySample[]): [number, number[]][] {
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
