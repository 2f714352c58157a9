// Which targets the list shows, and in which order. Pure.

import type { ApiTarget, ApiTargetState } from '../src/http/api-shapes.ts';
import { formatAsn } from './figure-text.ts';
import type { SortKey } from './page-address.ts';
import { latestLoss } from './recent-window.ts';

export interface Selection {
  readonly filter: string;
  /** A Standing, or '' for all. */
  readonly state: string;
  readonly sort: SortKey;
  readonly descending: boolean;
}

/** A target's state in the list: one that answers with much loss is in trouble too. */
export type Standing = ApiTargetState | 'lossy';

/** Trouble first. */
const RANK: Readonly<Record<Standing, number>> = {
  unreachable: 0,
  failed: 1,
  lossy: 2,
  stale: 3,
  pending: 4,
  ok: 5,
};

/** From this share of lost probes on a target that answers is called lossy. */
export const LOSSY_RATIO = 0.05;

/** `targets` in the order of hostOrder(); those that are equal otherwise stay in it. */
export function selectTargets(targets: readonly ApiTarget[], selection: Selection): ApiTarget[] {
  const words = selection.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen: ApiTarget[] = [];
  for (const target of targets) {
    if (selection.state !== '' && standingOf(target) !== selection.state) continue;
    if (words.length > 0 && !contains(target, words)) continue;
    chosen.push(target);
  }
  const key = KEYS[selection.sort];
  const sign = selection.descending ? -1 : 1;
  const ranked = chosen.map((target, i) => ({ target, rank: key(target, i) }));
  ranked.sort((a, b) => compare(a.rank, b.rank, sign));
  return ranked.map(({ target }) => target);
}

const KEYS: Readonly<Record<SortKey, (target: ApiTarget, i: number) => number | null>> = {
  state: (target) => RANK[standingOf(target)],
  target: (_, i) => i,
  hops: ({ hops }) => hops,
  rtt: ({ rttMs }) => rttMs,
  loss: ({ recent }) => latestLoss(recent),
  // The latest first when ascending: nobody asks for the oldest.
  change: ({ lastChange }) => (lastChange === null ? null : -lastChange.atMs),
};

export function standingOf({ state, recent }: Pick<ApiTarget, 'state' | 'recent'>): Standing {
  return state === 'ok' && (latestLoss(recent) ?? 0) >= LOSSY_RATIO ? 'lossy' : state;
}

/** What is not known comes last in either direction. */
function compare(a: number | null, b: number | null, sign: number): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return sign * (a - b);
}

const collator = new Intl.Collator('en', { numeric: true });

/** By name, numbers in it by their value: the order that people look names up in. */
export function hostOrder(a: ApiTarget, b: ApiTarget): number {
  return collator.compare(a.host, b.host) || (a.key < b.key ? -1 : 1);
}

function contains(target: ApiTarget, words: readonly string[]): boolean {
  const text = [
    target.host,
    target.address ?? '',
    target.module,
    target.protocol,
    target.port ?? '',
    target.pathId ?? '',
    target.asPath.map((asn) => formatAsn(asn, null)).join(' '),
    Object.entries(target.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
