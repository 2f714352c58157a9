// Two paths hop by hop. Invariant: a hop that only moved to another TTL is kept, so that a path one hop longer does not
// differ from there on; every hop of either path stands in one row, in order.

export type Hops = readonly (string | null)[];

export interface AlignedHop {
  /** TTL in either path; null where that path has no such hop. */
  readonly ttlBefore: number | null;
  readonly ttlAfter: number | null;
  readonly before: string | null;
  readonly after: string | null;
  /** `unknown`: there is a hop in both, and of one of them nothing is known. */
  readonly mark: 'kept' | 'changed' | 'removed' | 'added' | 'unknown';
}

/** A TTL is at most 255. */
const MAX_HOPS = 255;

export function alignHops(before: Hops, after: Hops): readonly AlignedHop[] {
  const a = before.slice(0, MAX_HOPS);
  const b = after.slice(0, MAX_HOPS);
  const common = commonLengths(a, b);
  const rows: AlignedHop[] = [];
  let gone: number[] = [];
  let come: number[] = [];
  const endGap = (): void => {
    for (let i = 0; i < Math.max(gone.length, come.length); i++) rows.push(gapRow(a, b, gone[i], come[i]));
    gone = [];
    come = [];
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      endGap();
      const [x, y] = [a[i] ?? null, b[j] ?? null];
      rows.push({ ttlBefore: i + 1, ttlAfter: j + 1, before: x, after: y, mark: 'kept' });
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && lengthAt(common, i + 1, j) >= lengthAt(common, i, j + 1))) {
      gone.push(i++);
    } else come.push(j++);
  }
  endGap();
  return rows;
}

/** What went and what came between two hops that stayed, side by side. */
function gapRow(a: Hops, b: Hops, gone: number | undefined, come: number | undefined): AlignedHop {
  const before = gone === undefined ? null : (a[gone] ?? null);
  const after = come === undefined ? null : (b[come] ?? null);
  return {
    ttlBefore: gone === undefined ? null : gone + 1,
    ttlAfter: come === undefined ? null : come + 1,
    before,
    after,
    mark: markOf(gone, come, before === null || after === null),
  };
}

function markOf(gone: number | undefined, come: number | undefined, isUnknown: boolean): AlignedHop['mark'] {
  if (gone === undefined) return 'added';
  if (come === undefined) return 'removed';
  return isUnknown ? 'unknown' : 'changed';
}

/** By the hops that are left of each: the most that can be kept. */
function commonLengths(a: Hops, b: Hops): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const row = rows[i] as Uint16Array;
      row[j] =
        a[i] === b[j]
          ? lengthAt(rows, i + 1, j + 1) + 1
          : Math.max(lengthAt(rows, i + 1, j), lengthAt(rows, i, j + 1));
    }
  }
  return rows;
}

function lengthAt(rows: readonly Uint16Array[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}
