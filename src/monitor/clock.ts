// The clock that monitor/ runs on: the only source of time and timers in this room, virtual in tests.

import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds from an arbitrary point, never going back. */
  now(): number;
  /** Milliseconds since 1970, which may step. */
  epoch(): number;
  /** Calls back once, `delayMs` from now or later; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The machine's clock. Its timers keep the process alive only while they are needed to be. */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    epoch: () => Date.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.max(0, Math.ceil(delayMs)));
      return () => clearTimeout(timer);
    },
  };
}
