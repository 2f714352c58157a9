// The few statistics that this room rests its statements on. Each names its source.

/** 99.9 % two-sided normal quantile: what a learnt reply rate is trusted with. */
export const Z_999 = 3.29;
/** 95 % two-sided normal quantile. */
export const Z_95 = 1.96;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson score interval of a proportion (E. B. Wilson, JASA 22, 1927): sound at 0 and 1 and for few trials.
 * Without trials it is [0, 1].
 */
export function wilsonInterval(hits: number, trials: number, z: number = Z_95): Interval {
  if (trials <= 0) return { low: 0, high: 1 };
  const share = hits / trials;
  const zz = (z * z) / trials;
  const centre = (share + zz / 2) / (1 + zz);
  const half = (z / (1 + zz)) * Math.sqrt((share * (1 - share)) / trials + zz / (4 * trials));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Median of `values`, which are sorted in place; NaN when there are none. */
export function medianOf(values: number[]): number {
  if (values.length === 0) return Number.NaN;
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  if (values.length % 2 === 1) return values[middle] as number;
  return ((values[middle - 1] as number) + (values[middle] as number)) / 2;
}

/**
 * Median of sorted values with its distribution-free confidence interval: the order statistics at the ranks
 * n/2 -+ z sqrt(n)/2 (normal approximation of the binomial; as Fontugne et al., IMC 2017, use it).
 */
export function medianInterval(
  sorted: readonly number[],
  z: number = Z_95,
): Interval & { readonly median: number } {
  const n = sorted.length;
  if (n === 0) return { median: Number.NaN, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const middle = n >> 1;
  const upper = sorted[middle] as number;
  const median = n % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
  const reach = (z * Math.sqrt(n)) / 2;
  const lowRank = Math.floor(n / 2 - reach);
  const highRank = Math.ceil(n / 2 + reach);
  return {
    median,
    low: lowRank < 1 ? Number.NEGATIVE_INFINITY : (sorted[lowRank - 1] as number),
    high: highRank >= n ? Number.POSITIVE_INFINITY : (sorted[highRank] as number),
  };
}

/**
 * Whether `misses` in a row are too many for a responder that answered `hits` of `tries`: (1 - p)^misses < alpha,
 * with p the lower end of its reply rate's 99.9 % interval, so that little knowledge makes no strong statement.
 */
export function isImprobableSilence(hits: number, tries: number, misses: number, alpha: number): boolean {
  if (hits === 0 || misses === 0) return false;
  const rate = wilsonInterval(hits, tries, Z_999).low;
  return misses * Math.log1p(-Math.min(rate, 1 - 1e-12)) < Math.log(alpha);
}

/** Likelihood ratio G-squared of two shares being one (S. S. Wilks, 1938): chi-square with one degree of freedom. */
export function likelihoodRatio(hitsA: number, triesA: number, hitsB: number, triesB: number): number {
  const hits = hitsA + hitsB;
  const tries = triesA + triesB;
  return shareRatio(hitsA, triesA, hits, tries) + shareRatio(hitsB, triesB, hits, tries);
}

/** What one part adds to G-squared, where `allHits` of `allTries` is the share of the whole. */
export function shareRatio(hits: number, tries: number, allHits: number, allTries: number): number {
  if (tries === 0) return 0;
  const expected = (tries * allHits) / allTries;
  return 2 * (deviance(hits, expected) + deviance(tries - hits, tries - expected));
}

function deviance(seen: number, expected: number): number {
  return seen === 0 ? 0 : seen * Math.log(seen / expected);
}
