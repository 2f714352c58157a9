// The page's one connection to the live feed: what it hears goes to the target store and to whoever listens.

import { type Signal, signal } from '@preact/signals';
import type { ApiLiveEvent } from '../src/http/api-shapes.ts';
import { openFeed } from './browser-feed.ts';
import { nowMs, setServerTime } from './clock.ts';
import type { FeedState, LiveFeed } from './live-feed.ts';
import { loadTargets, markStale, noteChange, noteRun } from './target-store.ts';

export const feedState: Signal<FeedState> = signal('connecting');
/** When the page last heard of the exporter, on the reader's clock; 0 for never. */
export const heardAtMs: Signal<number> = signal(0);
/** When the next attempt is, on the reader's clock. */
export const retryAtMs: Signal<number> = signal(0);

const RELOAD_PAUSE_MS = 1500;
const SWEEP_MS = 10_000;

type Listener = (event: ApiLiveEvent) => void;
const listeners = new Set<Listener>();
let feed: LiveFeed | null = null;

/** Calls `listener` for every event until the returned function is called. */
export function onLiveEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startLive(): void {
  feed = openFeed('api/v1/live', {
    onState: (state, { retryInMs, again }) => {
      feedState.value = state;
      retryAtMs.value = Date.now() + retryInMs;
      // What happened meanwhile was missed.
      if (again) catchUp();
    },
    onEvent: handle,
  });
  setInterval(() => {
    if (feedState.peek() === 'live') markStale(nowMs.peek());
  }, SWEEP_MS);
  addEventListener('online', () => feed?.retryNow());
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) feed?.retryNow();
  });
}

export function retryLive(): void {
  feed?.retryNow();
}

let reloadTimer = 0;

/** Reading thousands anew is dear: what comes in a burst is answered once. */
function reloadSoon(): void {
  if (reloadTimer !== 0) return;
  reloadTimer = window.setTimeout(() => {
    reloadTimer = 0;
    void loadTargets();
  }, RELOAD_PAUSE_MS);
}

function catchUp(): void {
  reloadSoon();
  for (const listener of listeners) listener({ type: 'resync', dropped: 0 });
}

function handle(event: ApiLiveEvent): void {
  const now = Date.now();
  // Once a second is enough to know that it lives.
  if (now - heardAtMs.peek() > 1000) heardAtMs.value = now;
  if (event.type === 'hello' || event.type === 'heartbeat') setServerTime(event.nowMs);
  else if (event.type === 'run') noteRun(event.target, event.run);
  else if (event.type === 'change') noteChange(event.change);
  else if (event.type === 'resync' || event.type === 'targets') reloadSoon();
  for (const listener of listeners) listener(event);
}
