// The trend of a noisy series, robustly: Theil-Sen's slope with Sen's confidence interval, over the least values of windows.
// Garbage collection makes memory a saw: its lower edge is what is held.

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Slope {
  readonly perHour: number;
  /** 95 %. */
  readonly low: number;
  readonly high: number;
  readonly points: number;
}

const HOUR_MS = 3_600_000;
/** Two-sided 95 % of the normal distribution. */
const Z = 1.96;

/** The least value of each window of `windowMs`, at its own time; windows without a sample are left out. */
export function windowMinima(samples: readonly Sample[], windowMs: number): Sample[] {
  const least = new Map<number, Sample>();
  for (const sample of samples) {
    const window = Math.floor(sample.atMs / windowMs);
    const before = least.get(window);
    if (before === undefined || sample.value < before.value) least.set(window, sample);
  }
  return [...least.values()].sort((a, b) => a.atMs - b.atMs);
}

/** Sen (1968): the median of all pairwise slopes; its interval from the variance of Kendall's S. */
export function theilSen(samples: readonly Sample[]): Slope {
  const slopes: number[] = [];
  for (const [i, a] of samples.entries()) {
    for (const b of samples.slice(i + 1)) {
      if (b.atMs > a.atMs) slopes.push(((b.value - a.value) / (b.atMs - a.atMs)) * HOUR_MS);
    }
  }
  slopes.sort((a, b) => a - b);
  const n = samples.length;
  const pairs = slopes.length;
  if (pairs === 0) return { perHour: Number.NaN, low: Number.NaN, high: Number.NaN, points: n };
  const reach = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (index: number): number =>
    slopes[Math.min(pairs - 1, Math.max(0, Math.round(index)))] ?? Number.NaN;
  const middle = (pairs - 1) / 2;
  return {
    perHour: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    low: at((pairs - reach) / 2 - 1),
    high: at((pairs + reach) / 2),
    points: n,
  };
}
