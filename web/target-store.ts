// Every target that the exporter has, as signals: one for each row, so that a run redraws its row and nothing else.
// Invariant: events wait until the next picture and are applied together; however many come, one task handles a bounded
// share of them.

import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { ApiChange, ApiRunEvent, ApiStatus, ApiTarget, ApiTargets } from '../src/http/api-shapes.ts';
import { ApiFailure, readApi } from './api-client.ts';
import { setServerTime } from './clock.ts';
import { addRun } from './recent-window.ts';
import { hostOrder } from './target-order.ts';

/** First a screenful, so that there is something to see at once; then in larger pages. */
const FIRST_PAGE = 60;
const NEXT_PAGES = 500;
const MAX_TARGETS = 20_000;
/** Events are applied for so long in one task; looked at the clock after so many. */
const APPLY_MS = 8;
const APPLY_AT_ONCE = 25;

export type LoadState = 'loading' | 'partial' | 'ready' | 'failed';

export const loadState: Signal<LoadState> = signal('loading');
export const loadFailure: Signal<string> = signal('');
export const status: Signal<ApiStatus | null> = signal(null);
/** Targets that the exporter has, before all of them are here. */
export const totalTargets: Signal<number> = signal(0);
/** Moves when any figure changed. */
export const revision: Signal<number> = signal(0);
/** Moves when targets came or went. */
export const membership: Signal<number> = signal(0);
/** Moves when changes of path were heard of. */
export const changesSeen: Signal<number> = signal(0);

const rows = new Map<string, Signal<ApiTarget>>();
/** Rows by name; null once targets came or went. */
let ordered: Signal<ApiTarget>[] | null = null;

export function targetSignal(key: string): ReadonlySignal<ApiTarget> | undefined {
  return rows.get(key);
}

/** All targets by name. */
export function allTargets(): readonly ApiTarget[] {
  ordered ??= [...rows.values()].sort((a, b) => hostOrder(a.peek(), b.peek()));
  return ordered.map((row) => row.peek());
}

let loading: AbortController | null = null;

/** Reads everything anew; what is shown stays until the new is there. */
export async function loadTargets(): Promise<void> {
  loading?.abort();
  loading = new AbortController();
  const { signal: ended } = loading;
  if (loadState.peek() === 'failed') loadState.value = 'loading';
  try {
    const facts = readApi<ApiStatus>('status', {}, ended);
    await readPages(ended);
    status.value = await facts;
    setServerTime(status.value.nowMs);
    batch(() => {
      loadState.value = 'ready';
      loadFailure.value = '';
    });
  } catch (error) {
    if (ended.aborted) return;
    batch(() => {
      loadFailure.value = error instanceof ApiFailure ? error.message : String(error);
      if (rows.size === 0) loadState.value = 'failed';
    });
  }
}

async function readPages(ended: AbortSignal): Promise<void> {
  if (rows.size === 0) {
    const first = await readApi<ApiTargets>('targets', { sort: 'state', limit: FIRST_PAGE }, ended);
    take(first);
    if (first.next === null) return;
  }
  const seen = new Set<string>();
  let cursor: string | null = null;
  do {
    // In an order that does not move while it is read, or some would slip from one page into another.
    const query = { sort: 'config', limit: NEXT_PAGES, cursor };
    const page: ApiTargets = await readApi<ApiTargets>('targets', query, ended);
    for (const { key } of page.items) seen.add(key);
    take(page);
    cursor = page.next;
  } while (cursor !== null && seen.size < MAX_TARGETS);
  let gone = 0;
  for (const key of rows.keys()) if (!seen.has(key) && rows.delete(key)) gone++;
  if (gone > 0) membersChanged();
}

function take(page: ApiTargets): void {
  batch(() => {
    for (const target of page.items) put(target);
    totalTargets.value = page.total;
    if (loadState.peek() === 'loading') loadState.value = 'partial';
    membersChanged();
  });
}

function put(target: ApiTarget): void {
  const row = rows.get(target.key);
  if (row === undefined) rows.set(target.key, signal(target));
  else row.value = target;
}

function changed(): void {
  revision.value = revision.peek() + 1;
}

function membersChanged(): void {
  ordered = null;
  changed();
  membership.value = membership.peek() + 1;
}

/** The latest run of each target that is not applied yet; older ones of the same target are in the window only. */
const waiting: { readonly key: string; readonly run: ApiRunEvent }[] = [];
const waitingChanges: ApiChange[] = [];
let scheduled = false;
const MAX_WAITING = 50_000;

export function noteRun(key: string, run: ApiRunEvent): void {
  if (waiting.length >= MAX_WAITING) waiting.splice(0, MAX_WAITING / 2);
  waiting.push({ key, run });
  schedule();
}

export function noteChange(change: ApiChange): void {
  if (waitingChanges.length >= MAX_WAITING) waitingChanges.splice(0, MAX_WAITING / 2);
  waitingChanges.push(change);
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  // A hidden page gets no animation frames, and must not hoard either.
  if (document.hidden) setTimeout(apply, 1000);
  else requestAnimationFrame(() => setTimeout(apply, 0));
}

function apply(): void {
  scheduled = false;
  const until = performance.now() + APPLY_MS;
  batch(() => {
    do {
      for (const { key, run } of waiting.splice(0, APPLY_AT_ONCE)) {
        const row = rows.get(key);
        if (row !== undefined) row.value = withRun(row.peek(), run);
      }
    } while (waiting.length > 0 && performance.now() < until);
    if (waitingChanges.length > 0) changesSeen.value = changesSeen.peek() + 1;
    for (const change of waitingChanges.splice(0, APPLY_AT_ONCE)) {
      const row = rows.get(change.target);
      if (row !== undefined) row.value = { ...row.peek(), lastChange: change };
    }
    changed();
  });
  if (waiting.length + waitingChanges.length > 0) schedule();
}

const STALE_INTERVALS = 3;
/** A measurement that waits for its replies is not late. */
const STALE_GRACE_MS = 30_000;

/** Nobody tells of a measurement that does not come. */
export function markStale(nowMs: number): void {
  let found = 0;
  for (const row of rows.values()) {
    const { state, lastRunAtMs, intervalMs } = row.peek();
    if (state === 'stale' || lastRunAtMs === null) continue;
    if (nowMs - lastRunAtMs < STALE_INTERVALS * intervalMs + STALE_GRACE_MS) continue;
    row.value = { ...row.peek(), state: 'stale', reason: 'No measurement came in time.' };
    found++;
  }
  if (found > 0) changed();
}

function withRun(target: ApiTarget, run: ApiRunEvent): ApiTarget {
  return {
    ...target,
    state: run.state,
    reason: run.reason,
    address: run.address,
    lastRunAtMs: run.atMs,
    hops: run.hops,
    rttMs: run.rttMs,
    lossRatio: run.lossRatio,
    paths: run.paths,
    pathId: run.pathId,
    asPath: run.asPath,
    recent: addRun(target.recent, run, target.intervalMs),
  };
}
