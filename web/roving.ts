// One tab stop for many things in a row: arrow keys move between them. Pure.

/** Where a key leads from `at` in a row of `count`; null for keys that lead nowhere. */
export function rove(key: string, at: number, count: number, page: number = 10): number | null {
  if (count === 0) return null;
  const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1 }[key];
  if (to !== undefined) return clamp(to, count);
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (key === 'PageDown') return clamp(at + page, count);
  if (key === 'PageUp') return clamp(at - page, count);
  return null;
}

function clamp(at: number, count: number): number {
  return Math.max(0, Math.min(count - 1, at));
}
