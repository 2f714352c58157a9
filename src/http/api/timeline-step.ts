// How wide the buckets of a timeline are. Invariant: a round number that a person can read off an axis.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS_MS: readonly number[] = [
  ...[1000, 2000, 5000, 10_000, 15_000, 30_000],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 5, 10, 30, 100, 365, 1000, 3650, 36_500, 365_000, 3_650_000, 36_500_000, 365_000_000].map(
    (days) => days * DAY,
  ),
];

/** The least step with which a period has no more than `points` buckets. */
export function timelineStep(fromMs: number, toMs: number, points: number): number {
  const wantedMs = (toMs - fromMs) / Math.max(1, points - 1);
  return STEPS_MS.find((stepMs) => stepMs >= wantedMs) ?? (STEPS_MS.at(-1) as number);
}
