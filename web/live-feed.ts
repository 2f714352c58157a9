// The live feed of server-sent events: connects, notices silence, comes back with growing pauses, says what it is doing.
// Invariant: at most one connection is open, and after close() none is.

import type { ApiLiveEvent } from '../src/http/api-shapes.ts';

export type FeedState = 'connecting' | 'live' | 'waiting' | 'closed';

/** An EventSource, or what a test puts in its place. */
export interface FeedSource {
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void;
  close(): void;
}

export interface FeedSurroundings {
  open(): FeedSource;
  /** Calls back after so many milliseconds unless cancelled. */
  after(ms: number, callback: () => void): () => void;
  /** 0 to 1. */
  random(): number;
}

export interface FeedListener {
  onEvent(event: ApiLiveEvent): void;
  /** `retryInMs` is the pause before the next attempt while waiting. `again`: events may have been missed. */
  onState(state: FeedState, details: { readonly retryInMs: number; readonly again: boolean }): void;
}

/** Two heartbeats and some: then the connection is dead, whatever the browser believes. */
const SILENCE_MS = 40_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const EVENTS = ['hello', 'heartbeat', 'resync', 'run', 'change', 'targets', 'trace'] as const;

export class LiveFeed {
  readonly #surroundings: FeedSurroundings;
  readonly #listener: FeedListener;
  #source: FeedSource | null = null;
  #cancelTimer: () => void = () => {};
  #failures = 0;
  #everOpen = false;

  constructor(surroundings: FeedSurroundings, listener: FeedListener) {
    this.#surroundings = surroundings;
    this.#listener = listener;
    this.#connect();
  }

  close(): void {
    this.#drop();
    this.#listener.onState('closed', { retryInMs: 0, again: false });
  }

  /** Tries again at once, as when the machine wakes up. */
  retryNow(): void {
    if (this.#source === null) this.#connect();
  }

  #connect(): void {
    this.#drop();
    this.#listener.onState('connecting', { retryInMs: 0, again: false });
    const source = this.#surroundings.open();
    this.#source = source;
    this.#watchSilence();
    source.addEventListener('open', () => {
      this.#failures = 0;
      this.#watchSilence();
      this.#listener.onState('live', { retryInMs: 0, again: this.#everOpen });
      this.#everOpen = true;
    });
    source.addEventListener('error', () => this.#fail());
    for (const type of EVENTS) {
      source.addEventListener(type, ({ data }) => {
        this.#watchSilence();
        const event = parseEvent(type, String(data));
        if (event !== null) this.#listener.onEvent(event);
      });
    }
  }

  #watchSilence(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#surroundings.after(SILENCE_MS, () => this.#fail());
  }

  #fail(): void {
    this.#drop();
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    // Half of it by chance: a hundred pages must not come back in the same instant.
    const retryInMs = Math.round(longest * (0.5 + 0.5 * this.#surroundings.random()));
    this.#listener.onState('waiting', { retryInMs, again: false });
    this.#cancelTimer = this.#surroundings.after(retryInMs, () => this.#connect());
  }

  #drop(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#source?.close();
    this.#source = null;
  }
}

function parseEvent(type: (typeof EVENTS)[number], data: string): ApiLiveEvent | null {
  try {
    return { ...(JSON.parse(data) as object), type } as ApiLiveEvent;
  } catch {
    return null;
  }
}
