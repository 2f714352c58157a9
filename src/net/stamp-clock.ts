// The engine's clock: monotonic nanoseconds from its origin, and the way there from the kernel's packet stamps, which
// are CLOCK_REALTIME. Invariant: a stamp that a clock step may have spoilt is refused, never converted.

/** Two clocks of one machine, in nanoseconds as seconds and nanoseconds, read by the caller's means. */
export interface ClockPair {
  /** Nanoseconds of CLOCK_MONOTONIC since some fixed start. */
  monotonic(): number;
  /** Nanoseconds of CLOCK_REALTIME since `realtimeBase` seconds of the epoch. */
  realtime(): number;
  /** Seconds of the epoch that keep realtime() exact in a double. */
  readonly realtimeBase: number;
}

/** Readings that bracket one another agree this well when no step came between. */
const TOLERANCE_NS = 1000;

/**
 * CLOCK_REALTIME minus CLOCK_MONOTONIC changes by steps only (slewing moves both), so every bracketed reading narrows
 * the same interval; a reading outside of it is a step.
 */
export class StampClock {
  readonly #clocks: ClockPair;
  readonly #origin: number;
  #least = Number.NEGATIVE_INFINITY;
  #greatest = Number.POSITIVE_INFINITY;
  #steppedAt = Number.NEGATIVE_INFINITY;
  #steps = 0;

  constructor(clocks: ClockPair) {
    this.#clocks = clocks;
    this.#origin = clocks.monotonic();
    for (let i = 0; i < 8; i++) this.check();
  }

  /** Nanoseconds since this clock was made. */
  now(): number {
    return this.#clocks.monotonic() - this.#origin;
  }

  /** Number of clock steps noticed. */
  get steps(): number {
    return this.#steps;
  }

  /** Compares the clocks; to be called after stamps were read and before they are converted. Returns the time. */
  check(): number {
    const before = this.now();
    const realtime = this.#clocks.realtime();
    const after = this.now();
    const least = Math.max(this.#least, before - realtime);
    const greatest = Math.min(this.#greatest, after - realtime);
    if (least <= greatest + TOLERANCE_NS) {
      this.#least = Math.min(least, greatest);
      this.#greatest = Math.max(least, greatest);
      return after;
    }
    this.#steps++;
    this.#steppedAt = after;
    this.#least = before - realtime;
    this.#greatest = after - realtime;
    return after;
  }

  /**
   * The monotonic time of a kernel stamp, or NaN when it cannot be trusted: it lies in the future, or before the
   * last step, either of which says that the clock was set after the stamp was taken.
   * @param now what check() returned after the stamp was read.
   */
  convert(seconds: number, nanoseconds: number, now: number): number {
    const realtime = (seconds - this.#clocks.realtimeBase) * 1e9 + nanoseconds;
    const at = realtime + (this.#least + this.#greatest) / 2;
    if (at > now + TOLERANCE_NS || at < this.#steppedAt) return Number.NaN;
    return Math.min(at, now);
  }
}
