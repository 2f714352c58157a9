// A clock that stands still until it is told to go on: schedules of days run in milliseconds and always alike.

import { TimerHeap } from '../trace/timer-heap.ts';
import type { Clock } from './clock.ts';

interface Timer {
  callback: (() => void) | null;
}

export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #epochAtStartMs: number;
  readonly #timers = new TimerHeap<Timer>();

  constructor(epochAtStartMs = 1_700_000_000_000) {
    this.#epochAtStartMs = epochAtStartMs;
  }

  now(): number {
    return this.#nowMs;
  }

  epoch(): number {
    return this.#epochAtStartMs + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { callback };
    this.#timers.push(this.#nowMs + Math.max(0, delayMs), timer);
    return () => {
      timer.callback = null;
    };
  }

  /** Timers that are set, cancelled ones included until their time. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Goes on by `ms`, timer by timer; after each, everything that was promised meanwhile comes to rest. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    await settle();
    while (this.#timers.peek() <= end) {
      this.#nowMs = Math.max(this.#nowMs, this.#timers.peek());
      const timer = this.#timers.pop();
      if (timer === undefined || timer.callback === null) continue;
      const { callback } = timer;
      timer.callback = null;
      callback();
      await settle();
    }
    this.#nowMs = end;
  }
}

/** Resolves once no microtask is left: an immediate runs after all of them. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
