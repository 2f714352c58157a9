// Durations as text: every one has a unit. Milliseconds inside the program, always whole.

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const SPELLED = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DECIMAL = /^(\d+\.\d+)(ms|s|m|h|d|w)$/;
const ORDER = ['w', 'd', 'h', 'm', 's', 'ms'] as const;

/** `30s`, `1h30m`, `1.5s`, `250ms` as milliseconds; undefined for anything without a unit or not a duration. */
export function parseDuration(text: string): number | undefined {
  // Twenty characters hold every duration that a double counts exactly.
  if (text === '' || text.length > 20) return undefined;
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return Math.round(Number(decimal[1]) * (UNITS_MS[decimal[2] ?? ''] as number));
  const spelled = SPELLED.exec(text);
  if (spelled === null) return undefined;
  let totalMs = 0;
  for (const [i, unit] of ORDER.entries())
    totalMs += Number(spelled[i + 1] ?? 0) * (UNITS_MS[unit] as number);
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** The shortest spelling that `parseDuration` reads back: `1h30m`, `250ms`, `0s`. Fractions of a millisecond are lost. */
export function formatDuration(durationMs: number): string {
  let left = Math.round(durationMs);
  if (left === 0) return '0s';
  let text = '';
  for (const unit of ORDER) {
    const count = Math.floor(left / (UNITS_MS[unit] as number));
    if (count > 0) text += `${count}${unit}`;
    left -= count * (UNITS_MS[unit] as number);
  }
  return text;
}
