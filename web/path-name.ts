// Short names of a target's paths in one period: A for the first seen, B for the next. Pure.

/** "A" to "Z", then "A2" and so on; '?' for a path that is not among them. */
export function pathName(paths: readonly string[], pathId: string): string {
  const at = paths.indexOf(pathId);
  if (at === -1) return '?';
  const round = Math.floor(at / 26);
  return String.fromCharCode(65 + (at % 26)) + (round === 0 ? '' : String(round + 1));
}
