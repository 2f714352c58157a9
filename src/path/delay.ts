// What is said of delay. Invariant: a hop that is slow to answer while those behind it are not adds no delay.

import type { Interval } from './statistics.ts';

/** The round-trip time of the destination over the recent rounds; milliseconds. */
export interface DelayReport {
  readonly rttMinMs: number;
  readonly rttMedianMs: number;
  /** 95 % interval of the median. */
  readonly interval: Interval;
  readonly rttP95Ms: number;
  /** Rounds that these figures rest on. */
  readonly rounds: number;
  /** The hop whose link adds the most delay, 0 where none is credibly more than nothing. */
  readonly slowestHop: number;
  readonly slowestHopAddsMs: number;
  /** The latest lasting change of the median, or null; it stays until the next. */
  readonly shift: DelayShift | null;
}

/** A lasting change of the median round-trip time. */
export interface DelayShift {
  /** Epoch milliseconds of the first round after it. */
  readonly atMs: number;
  /** Epoch milliseconds of the round that made it certain. */
  readonly detectedAtMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** 95 % interval of the difference, after less before. */
  readonly interval: Interval;
  /** First hop that shares it and from which it persists; 0 where the hops do not tell. */
  readonly fromHop: number;
}
