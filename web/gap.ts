// Buckets without a measurement between others: most are only finer than the target's interval. Pure.

/** A target that is measured so often is not missing anything in a gap of this many intervals. */
const PATIENCE = 2.5;

/** How many buckets of `stepMs` may be empty in a row without anything being amiss. */
export function expectedGap(intervalMs: number, stepMs: number): number {
  return Math.ceil((PATIENCE * intervalMs) / stepMs) - 1;
}

/** For each bucket whether it is empty and in a gap of at most `most`, with something known on both sides. */
export function insideShortGap(known: readonly boolean[], most: number): readonly boolean[] {
  const inside = known.map(() => false);
  let last = -1;
  for (const [i, here] of known.entries()) {
    if (!here) continue;
    if (last >= 0 && i - last - 1 <= most) inside.fill(true, last + 1, i);
    last = i;
  }
  return inside;
}
