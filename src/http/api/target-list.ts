// The list of targets: filtered, sorted, a page of it. Invariant: order is total, so pages neither repeat nor leave out.

import { standingOf, type TargetEntry, type TargetStanding } from '../../history/target-board.ts';

export const TARGET_SORTS = ['host', 'state', 'hops', 'rtt', 'loss', 'change', 'run', 'config'] as const;
export type TargetSort = (typeof TARGET_SORTS)[number];

export const TARGET_STATES: readonly TargetStanding[] = ['ok', 'unreachable', 'failed', 'stale', 'pending'];

/** The worst first. */
const SEVERITY: Readonly<Record<TargetStanding, number>> = {
  failed: 0,
  unreachable: 1,
  stale: 2,
  pending: 3,
  ok: 4,
};

export interface TargetSelection {
  readonly filter: string | null;
  readonly state: TargetStanding | null;
  readonly sort: TargetSort;
  readonly descending: boolean;
}

export interface SelectedTargets {
  readonly entries: readonly TargetEntry[];
  readonly states: Readonly<Record<TargetStanding, number>>;
}

export function selectTargets(
  all: readonly TargetEntry[],
  { filter, state, sort, descending }: TargetSelection,
  nowMs: number,
): SelectedTargets {
  const states = { ok: 0, unreachable: 0, failed: 0, stale: 0, pending: 0 };
  const words = filter === null ? [] : filter.toLowerCase().split(/\s+/).filter(Boolean);
  const rows: { entry: TargetEntry; key: number | string | null; at: number }[] = [];
  for (const [at, entry] of all.entries()) {
    const standing = standingOf(entry, nowMs).state;
    states[standing]++;
    if (state !== null && standing !== state) continue;
    if (words.length > 0 && !matches(entry, words)) continue;
    rows.push({ entry, key: sortKey(entry, sort, standing), at });
  }
  const direction = descending ? -1 : 1;
  if (sort !== 'config') rows.sort((a, b) => compare(a.key, b.key, direction) || a.at - b.at);
  else if (descending) rows.reverse();
  return { entries: rows.map(({ entry }) => entry), states };
}

/** Every word is somewhere in what the target is known by. */
function matches({ target, latest }: TargetEntry, words: readonly string[]): boolean {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
  const known = [target.host, target.module.name, latest?.address ?? '', latest?.pathId ?? '', ...labels];
  const text = known.join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

function sortKey(
  { target, latest, lastChange }: TargetEntry,
  sort: TargetSort,
  standing: TargetStanding,
): number | string | null {
  switch (sort) {
    case 'host':
      return target.host;
    case 'state':
      return SEVERITY[standing];
    case 'hops':
      return latest?.hops ?? null;
    case 'rtt':
      return latest?.rttMs ?? null;
    case 'loss':
      return latest?.lossRatio ?? null;
    case 'change':
      return lastChange?.id ?? null;
    case 'run':
      return latest?.atMs ?? null;
    case 'config':
      return null;
  }
}

/** What is not known comes last in either direction. */
function compare(a: number | string | null, b: number | string | null, direction: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'string' && typeof b === 'string') return (a < b ? -1 : a > b ? 1 : 0) * direction;
  return (Number(a) - Number(b)) * direction;
}
