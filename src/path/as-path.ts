// AS paths as seen through hops. Invariant: a hop without a known AS is a wildcard, so a silent or private hop,
// or a gap in the database, never makes two AS paths differ.

/** AS number that originates an address, or null where it is not known (private, silent, not in the database). */
export type AsNumberOf = (address: string) => number | null;

/** What a database says now: hop by hop, null where nothing is known. */
export function hopAsNumbers(hops: readonly (string | null)[], asNumberOf: AsNumberOf): (number | null)[] {
  return hops.map((address) => (address === null ? null : asNumberOf(address)));
}

/** The AS numbers along the path, each run once; unknown hops are left out. */
export function collapseAsPath(hopAs: readonly (number | null)[]): number[] {
  const asPath: number[] = [];
  for (const as of hopAs) if (as !== null && as !== asPath.at(-1)) asPath.push(as);
  return asPath;
}

/**
 * Whether no AS path fits both: unknown hops may stand for any number of ASes. Only such a difference is a change.
 * @param a,b AS by hop, null for unknown.
 */
export function asPathsConflict(a: readonly (number | null)[], b: readonly (number | null)[]): boolean {
  const left = patternOf(a);
  const right = patternOf(b);
  if (left.every((token) => token === GAP) || right.every((token) => token === GAP)) return false;
  return !unify(left, right);
}

const GAP = -1;

/** AS numbers each once a run, with GAP for a run of unknown hops. */
function patternOf(hopAs: readonly (number | null)[]): number[] {
  const pattern: number[] = [];
  for (const as of hopAs) {
    const token = as ?? GAP;
    if (token !== pattern.at(-1)) pattern.push(token);
  }
  // 1 ? 1 may be one stay in AS 1: what lies between is unknown either way.
  return pattern;
}

/**
 * Whether some AS path matches both patterns; a GAP matches any run of ASes, the empty one and a part of its
 * neighbours' included. Quadratic dynamic programme from the end.
 */
function unify(a: readonly number[], b: readonly number[]): boolean {
  const fits: boolean[][] = [];
  for (let i = a.length; i >= 0; i--) {
    fits[i] = [];
    for (let j = b.length; j >= 0; j--) (fits[i] as boolean[])[j] = fitsAt(a, b, i, j, fits);
  }
  return fits[0]?.[0] === true;
}

function fitsAt(
  a: readonly number[],
  b: readonly number[],
  i: number,
  j: number,
  fits: readonly boolean[][],
): boolean {
  if (i === a.length && j === b.length) return true;
  const at = (x: number, y: number): boolean => fits[x]?.[y] === true;
  const left = a[i];
  const right = b[j];
  if (left === GAP) return at(i + 1, j) || (j < b.length && at(i, j + 1));
  if (right === GAP) return at(i, j + 1) || (i < a.length && at(i + 1, j));
  if (left !== undefined && left === right) return at(i + 1, j + 1) || resumes(a, b, i, j, at);
  return false;
}

/** A gap may end in the AS that follows it, or begin in the one before: `1 ? 1` fits `1`. */
function resumes(
  a: readonly number[],
  b: readonly number[],
  i: number,
  j: number,
  at: (x: number, y: number) => boolean,
): boolean {
  const skipsA = a[i + 1] === GAP && a[i + 2] === a[i] && at(i + 2, j);
  const skipsB = b[j + 1] === GAP && b[j + 2] === b[j] && at(i, j + 2);
  return skipsA || skipsB;
}
