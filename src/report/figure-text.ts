// Figures as people read them in a report. Times are UTC and say so: a report travels between time zones.

const NONE = 'not known';
/** A figure and its unit stay on one line. */
const JOINED = '\u00a0';

/** `2026-11-23 09:00:00 UTC` */
export function formatUtc(ms: number): string {
  return `${utcSecond(ms)} UTC`;
}

/** Without the zone, for columns whose heading has it. */
export function utcSecond(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

export function formatMs(ms: number | null): string {
  if (ms === null) return NONE;
  return `${ms.toFixed(ms < 10 ? 2 : 1)}${JOINED}ms`;
}

export function formatRatio(ratio: number | null): string {
  if (ratio === null) return NONE;
  const percent = ratio * 100;
  const digits = percent === 0 || percent >= 10 ? 0 : percent >= 1 ? 1 : 2;
  return `${percent.toFixed(digits)}${JOINED}%`;
}

/** `90 s`, `5 min`, `6 h`, `2 d`, whichever is the largest that is whole. */
export function formatSpan(ms: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const;
  for (const [size, unit] of units) if (ms >= size && ms % size === 0) return `${ms / size} ${unit}`;
  return `${Math.round(ms / 1000)} s`;
}
