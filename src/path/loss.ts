// What is said of loss and of each hop's replies. Invariant: loss that matters persists to the destination; a hop that
// leaves out replies while the hops behind it answer is never called lossy.

import type { Interval } from './statistics.ts';

/** Loss on the way to one destination, over the recent rounds that `ReplyWindow` holds. */
export interface LossReport {
  /** Probes for the destination, all flows, and how many of them got no answer. */
  readonly sent: number;
  readonly lost: number;
  /**
   * Share of the probes lost between here and the destination, there or back, 0 to 1, with its 95 % interval (Wilson).
   * Of a destination that limits its own replies it is the loss as far as the last hop that tells.
   */
  readonly lossRatio: number;
  readonly interval: Interval;
  /**
   * First hop from which loss persists to the destination; 0 where there is none, or where it cannot be told yet.
   * Silent and rate-limited hops are never named: the loss may begin anywhere after `cleanHop`.
   */
  readonly startHop: number;
  /** Last hop before `startHop` that is shown to be free of it; 0 for none, and where `startHop` is 0. */
  readonly cleanHop: number;
  /** Probability that loss persists from `startHop` (and after `cleanHop`), 0 where none is named. */
  readonly confidence: number;
  /** Probability that probes are lost on the way at all. */
  readonly lossProbability: number;
  /** Hops at which loss is added, from `startHop` on, with the loss from there on; at most 4. */
  readonly steps: readonly LossStep[];
  /** The flows that lose where others on another branch do not; null where all share it. */
  readonly flows: readonly number[] | null;
}

export interface LossStep {
  readonly hop: number;
  readonly lossRatio: number;
}

/**
 * clean: answers what reaches it. lossy: shares the loss that persists to the destination. rate-limited: leaves out
 * replies of its own in the pattern that a limit makes. quiet: leaves out replies of its own at random. silent: never
 * answered.
 */
export type HopVerdict = 'clean' | 'lossy' | 'rate-limited' | 'quiet' | 'silent';

/** How one hop has answered lately. Milliseconds; null where there is no answer, or too few to tell. */
export interface HopHealth {
  readonly ttl: number;
  /** That answered last, of the first flow that it answered; null for a silent hop. */
  readonly address: string | null;
  readonly sent: number;
  readonly answered: number;
  /** Share of the probes that it answered, 0 to 1, with its 95 % interval; it is no measure of loss. */
  readonly replyRate: number;
  readonly interval: Interval;
  /** Loss that persists from here to the destination: the least of this hop and of all that answer behind it. */
  readonly forwardLoss: number | null;
  readonly verdict: HopVerdict;
  readonly rttMinMs: number | null;
  readonly rttMedianMs: number | null;
  readonly rttP95Ms: number | null;
  /** Delay that the link to this hop adds to everything behind it, with its 95 % interval; replies made slowly count not. */
  readonly addedDelayMs: number | null;
  readonly addedDelayInterval: Interval | null;
}
