// Which colour and letter stand for a path id. Invariant: within one target two paths seen on one page never share a
// colour while there are colours left, and a path keeps its own as long as the page lives.

import { insideShortGap } from './gap.ts';

/** Classes `p0` to `p9` in style.css. */
export const COLOURS = 10;
const MAX_TARGETS = 20_000;
const MAX_PATHS = 200;

export class PathColours {
  readonly #targets = new Map<string, Map<string, number>>();

  /** Index of the colour of `pathId` among those of `target`. */
  colourOf(target: string, pathId: string): number {
    const known = this.#of(target);
    const found = known.get(pathId);
    if (found !== undefined) return found;
    if (known.size >= MAX_PATHS) known.clear();
    const taken = new Set(known.values());
    // Where it would be in any order of looking, so that two readers mostly see the same.
    let colour = (Number.parseInt(pathId.slice(0, 6), 16) || 0) % COLOURS;
    for (let tries = 0; tries < COLOURS && taken.has(colour); tries++) colour = (colour + 1) % COLOURS;
    known.set(pathId, colour);
    return colour;
  }

  #of(target: string): Map<string, number> {
    let known = this.#targets.get(target);
    if (known === undefined) {
      if (this.#targets.size >= MAX_TARGETS) this.#targets.clear();
      known = new Map();
      this.#targets.set(target, known);
    }
    return known;
  }
}

/** A stretch of buckets with one path; null where nothing was measured. */
export interface PathStretch {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly pathId: string | null;
}

/** Buckets with the same path put together; a gap of at most `shortGap` belongs to the path before it. */
export function pathStretches(
  path: readonly (number | null)[],
  paths: readonly string[],
  shortGap: number,
): readonly PathStretch[] {
  const bridged = insideShortGap(
    path.map((index) => index !== null),
    shortGap,
  );
  const stretches: { from: number; to: number; pathId: string | null }[] = [];
  for (const [i, index] of path.entries()) {
    const last = stretches.at(-1);
    const pathId = bridged[i] ? (last?.pathId ?? null) : index === null ? null : (paths[index] ?? null);
    if (last?.pathId === pathId) last.to = i + 1;
    else stretches.push({ from: i, to: i + 1, pathId });
  }
  return stretches;
}
