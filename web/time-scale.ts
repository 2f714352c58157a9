// Where an instant stands on a timeline, and back. Pure.

import type { Period } from './page-address.ts';

export interface TimeScale extends Period {
  /** Pixels left and right of the plot, which hold its axes. */
  readonly left: number;
  readonly right: number;
  readonly width: number;
}

export function xOf(scale: TimeScale, atMs: number): number {
  const inner = Math.max(1, scale.width - scale.left - scale.right);
  return scale.left + ((atMs - scale.fromMs) / (scale.toMs - scale.fromMs)) * inner;
}

/** The instant under a pixel, inside the timeline. */
export function timeAt(scale: TimeScale, x: number): number {
  const inner = Math.max(1, scale.width - scale.left - scale.right);
  const share = Math.max(0, Math.min(1, (x - scale.left) / inner));
  return Math.round(scale.fromMs + share * (scale.toMs - scale.fromMs));
}

/** Things too near to one another to be drawn apart, together; each in the order of time. */
export function clusters<T extends { readonly atMs: number }>(
  items: readonly T[],
  scale: TimeScale,
  apartPx: number,
): readonly (readonly T[])[] {
  const result: T[][] = [];
  for (const item of items.toSorted((a, b) => a.atMs - b.atMs)) {
    const last = result.at(-1);
    const start = last?.[0];
    if (
      last !== undefined &&
      start !== undefined &&
      xOf(scale, item.atMs) - xOf(scale, start.atMs) < apartPx
    ) {
      last.push(item);
    } else result.push([item]);
  }
  return result;
}
