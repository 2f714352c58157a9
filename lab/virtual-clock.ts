// Time that passes only when it is told to: timers in order, same time in the order set. Days run in milliseconds,
// always alike.

import { TimerHeap } from '../src/trace/timer-heap.ts';

/** What an engine needs of a clock; the machine's clock fits as well. */
export interface EngineClock {
  /** Milliseconds from an arbitrary point, never going back. */
  now(): number;
  /** Milliseconds since 1970. */
  epoch(): number;
  /** Calls back once, `delayMs` from now or later; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

interface Timer {
  callback: (() => void) | null;
}

export class VirtualClock implements EngineClock {
  readonly #epochAtStartMs: number;
  readonly #timers = new TimerHeap<Timer>();
  #nowMs = 0;

  constructor(epochAtStartMs = 1_700_000_000_000) {
    this.#epochAtStartMs = epochAtStartMs;
  }

  now(): number {
    return this.#nowMs;
  }

  epoch(): number {
    return this.#epochAtStartMs + this.#nowMs;
  }

  /** Time of the next timer, or Infinity. */
  get nextMs(): number {
    return this.#timers.peek();
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { callback };
    this.#timers.push(this.#nowMs + Math.max(0, delayMs), timer);
    return () => {
      timer.callback = null;
    };
  }

  /** Goes on to the next timer and runs it; false when there is none up to `untilMs`. */
  step(untilMs: number = Number.POSITIVE_INFINITY): boolean {
    const nextMs = this.#timers.peek();
    if (nextMs > untilMs || nextMs === Number.POSITIVE_INFINITY) return false;
    this.#nowMs = Math.max(this.#nowMs, nextMs);
    const timer = this.#timers.pop();
    timer?.callback?.();
    return true;
  }

  /** Goes on by `ms`. After each timer, whatever was promised meanwhile comes to rest. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    while (this.step(endMs)) await settle();
    this.#nowMs = endMs;
  }

  /** Goes on until `promise` has settled; rejects when no timer is left that could settle it. */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const noted = promise.finally(() => {
      settled = true;
    });
    noted.catch(() => undefined);
    await settle();
    while (!settled) {
      if (!this.step())
        throw new Error('The clock has no timer left, and what was waited for has not happened');
      await settle();
    }
    return noted;
  }
}

/** Resolves once no microtask is left: an immediate runs after all of them. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
