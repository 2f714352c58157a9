// Whether the latest of a series of figures lie lastingly higher or lower than those before, whatever their
// distribution. Invariant: for figures that are exchangeable the probability of an alarm is below SHIFT_ALPHA for each
// look and window; a slow drift is not taken for a step.

import { type Interval, medianOf } from './statistics.ts';

/**
 * Probability by chance of each test, to each side. Two tests with eight windows are made each round: over a million
 * rounds of exchangeable figures at most 0.1 alarms are to be expected, and fewer since the windows overlap.
 */
const SHIFT_ALPHA = 3e-9;
/** Figures after the change that are tried. */
const AFTER: readonly number[] = [8, 9, 10, 12, 14, 16, 20, 24];
const MOST_BEFORE = 40;
/** Share of the figures before that may be outliers beyond the level of those after. */
const OUTLIERS = 0.15;
const LEAST_BEFORE = 16;
/** Standard errors that a step must be beyond the drift, and its share of the whole difference. */
const STEP_ERRORS = 6.5;
const STEP_SHARE = 0.5;
/** Median absolute deviations from the median within which figures are taken as they are. */
const OUTLIER_DEVIATIONS = 4.5;

export interface Shift {
  /** Figures after the change. */
  readonly count: number;
  readonly before: number;
  readonly after: number;
  /** Of the difference: Hodges-Lehmann, 95 %. */
  readonly difference: number;
  readonly interval: Interval;
}

/**
 * @param ranks figures in order, without gaps; only their order counts.
 * @param decode what a figure stands for.
 * @param least the difference that is worth a word beside a value of that size.
 */
export function findShift(
  ranks: Uint16Array,
  decode: (rank: number) => number,
  least: (before: number) => number,
): Shift | null {
  if (ranks.length < LEAST_BEFORE + (AFTER[0] as number) || isLevel(ranks)) return null;
  for (const count of AFTER) {
    const split = ranks.length - count;
    if (split < LEAST_BEFORE) return null;
    const first = Math.max(0, split - MOST_BEFORE);
    if (!areApart(ranks.subarray(first, split), ranks.subarray(split))) continue;
    const before = Array.from(ranks.subarray(first, split), decode);
    const after = Array.from(ranks.subarray(split), decode);
    const { difference, interval } = differenceOf(before, after);
    if (isDrift(before, after, difference)) continue;
    const medianBefore = medianOf(before.slice());
    const surely = Math.max(interval.low, -interval.high);
    if (surely < least(medianBefore)) continue;
    return { count, before: medianBefore, after: medianOf(after.slice()), difference, interval };
  }
  return null;
}

/** Most looks end here: the latest figures lie on both sides of the median of those before, so they are not apart. */
function isLevel(ranks: Uint16Array): boolean {
  const split = ranks.length - (AFTER[0] as number);
  const before = ranks.slice(Math.max(0, split - MOST_BEFORE), split).sort();
  const middle = before[before.length >> 1] as number;
  let above = 0;
  for (let i = split; i < ranks.length; i++) if ((ranks[i] as number) > middle) above++;
  return above > 2 && above < (AFTER[0] as number) - 2;
}

/** Whether they are apart, to either side: almost all by Mann-Whitney's test, or all but outliers by exceedances. */
function areApart(before: Uint16Array, after: Uint16Array): boolean {
  let below = 0;
  let above = 0;
  for (const b of before) {
    for (const a of after) {
      if (a <= b) below++;
      if (a >= b) above++;
    }
  }
  const n = before.length;
  const m = after.length;
  const exceptions = Math.min(below, above);
  // By normal approximation it is not even a thousandth.
  if (exceptions > (n * m) / 2 - 3 * Math.sqrt((n * m * (n + m + 1)) / 12)) return false;
  if (mannWhitneyTail(exceptions, n, m) <= SHIFT_ALPHA) return true;
  const sorted = before.slice().sort();
  const rank = n - Math.floor(OUTLIERS * n);
  // The level that all but outliers lie within, seen from the side to which the figures moved.
  const level = sorted[below < above ? rank - 1 : n - rank] as number;
  const stayed = after.filter((a) => (below < above ? a <= level : a >= level)).length;
  return exceedanceTail(stayed, rank, n, m) <= SHIFT_ALPHA;
}

/**
 * P(at most `stayed` of m further figures lie below the r-th of n), for one distribution: the negative hypergeometric
 * law of exceedances (E. J. Gumbel and H. von Schelling, 1950).
 */
export function exceedanceTail(stayed: number, r: number, n: number, m: number): number {
  let sum = 0;
  for (let s = 0; s <= stayed; s++) sum += choose(r - 1 + s, s) * choose(n - r + m - s, m - s);
  return sum / choose(n + m, m);
}

function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return ways;
}

/**
 * P(U <= u) for n and m figures of one distribution (H. B. Mann and D. R. Whitney, 1947): orderings with at most u
 * inversions, which are the partitions of u into at most m parts of at most n, among all orderings.
 */
export function mannWhitneyTail(u: number, n: number, m: number): number {
  // Coefficients of the Gaussian binomial: the product of (1 - q^(n+i)) / (1 - q^i), up to q^u.
  const counts = new Float64Array(u + 1);
  counts[0] = 1;
  for (let i = 1; i <= m; i++) {
    for (let k = u; k >= n + i; k--) counts[k] = (counts[k] as number) - (counts[k - n - i] as number);
    for (let k = i; k <= u; k++) counts[k] = (counts[k] as number) + (counts[k - i] as number);
  }
  return counts.reduce((sum, count) => sum + count, 0) / choose(n + m, m);
}

/**
 * Whether a drift that goes on all the time explains the difference: analysis of covariance, with one slope on both
 * sides. What is left of the step must be sure by itself, and most of the difference.
 */
function isDrift(before: readonly number[], after: readonly number[], difference: number): boolean {
  const b = lineOf(withoutOutliers(before), 0);
  const a = lineOf(withoutOutliers(after), before.length);
  const slope = (b.xy + a.xy) / (b.xx + a.xx);
  const apart = a.x - b.x;
  const step = a.y - b.y - slope * apart;
  const residual = b.yy + a.yy - slope * (b.xy + a.xy);
  const variance = Math.max(0, residual) / (b.n + a.n - 3);
  const error = Math.sqrt(variance * (1 / b.n + 1 / a.n + (apart * apart) / (b.xx + a.xx)));
  return step * Math.sign(difference) < Math.max(STEP_ERRORS * error, STEP_SHARE * Math.abs(difference));
}

/** Means and sums of squares about them, of figures that follow one another from `first` on. */
function lineOf(values: readonly number[], first: number): Line {
  const n = values.length;
  const x = first + (n - 1) / 2;
  const y = values.reduce((sum, value) => sum + value, 0) / n;
  const line = { n, x, y, xx: 0, xy: 0, yy: 0 };
  for (const [i, value] of values.entries()) {
    const dx = first + i - x;
    const dy = value - y;
    line.xx += dx * dx;
    line.xy += dx * dy;
    line.yy += dy * dy;
  }
  return line;
}

interface Line {
  readonly n: number;
  readonly x: number;
  readonly y: number;
  xx: number;
  xy: number;
  yy: number;
}

/** Figures far from the median are drawn in to where normal ones end. */
function withoutOutliers(values: readonly number[]): number[] {
  const median = medianOf(values.slice());
  const reach = OUTLIER_DEVIATIONS * medianOf(values.map((value) => Math.abs(value - median)));
  return values.map((value) => Math.min(median + reach, Math.max(median - reach, value)));
}

/** Median of all pairwise differences, with the interval that their order gives (Hodges and Lehmann, 1963; Moses). */
function differenceOf(
  before: readonly number[],
  after: readonly number[],
): { readonly difference: number; readonly interval: Interval } {
  const all = before.flatMap((b) => after.map((a) => a - b)).sort((a, b) => a - b);
  const pairs = all.length;
  const reach = 1.96 * Math.sqrt((pairs * (before.length + after.length + 1)) / 12);
  const low = Math.max(0, Math.floor(pairs / 2 - reach));
  const high = Math.min(pairs - 1, Math.ceil(pairs / 2 + reach));
  return {
    difference: medianOf(all.slice()),
    interval: { low: all[low] as number, high: all[high] as number },
  };
}
