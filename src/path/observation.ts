// What path/ says about one trace: its identity, and what changed since the traces before it.

import type { DelayReport } from './delay.ts';
import type { HopHealth, LossReport } from './loss.ts';
import type { ReturnShift } from './return-path.ts';

export type PathChangeKind = 'reroute' | 'as_path' | 'length' | 'ecmp' | 'unreachable' | 'recovered';

export const PATH_CHANGE_KINDS: readonly PathChangeKind[] = [
  'reroute',
  'as_path',
  'length',
  'ecmp',
  'unreachable',
  'recovered',
];

export interface PathChange {
  readonly kind: PathChangeKind;
  /** Epoch milliseconds of the trace that confirmed it. */
  readonly atMs: number;
  /** First TTL at which old and new differ; 0 where that has no meaning (unreachable, recovered). */
  readonly firstHop: number;
  readonly flow: number;
  /** Addresses by TTL from 1 on; null for a hop not known. */
  readonly before: readonly (string | null)[];
  readonly after: readonly (string | null)[];
  /** 0 to 1. */
  readonly confidence: number;
}

export interface PathObservation {
  /** 12 hexadecimal digits over canonical addresses with silent hops filled from memory; null where nothing is known. */
  readonly pathId: string | null;
  readonly asPathId: string | null;
  /**
   * The route that `pathId` names: addresses by TTL from 1 on over the fixed flows, silent hops filled from memory, empty
   * where none is known; the traced address stands at its own TTL. Empty while nothing is known.
   */
  readonly route: readonly (readonly string[])[];
  /** AS numbers along the path, empty without a database. */
  readonly asPath: readonly number[];
  readonly reached: boolean;
  /** Hops to the destination; 0 when it did not answer. */
  readonly hopCount: number;
  /** Distinct paths over the flows of this trace. */
  readonly paths: number;
  /** Highest TTL that answered at all, 0 for none. */
  readonly lastRespondingHop: number;
  /** RTT of the destination in milliseconds (the least of the replies), or null. */
  readonly rttMs: number | null;
  /** Share of the probes for the destination that got no answer, 0 to 1. */
  readonly lossRatio: number;
  /** Confirmed by this trace. */
  readonly changes: readonly PathChange[];
  /** Hops found to answer from another address, with everything else unchanged: no change of path. */
  readonly renamed?: readonly RenamedHop[];
  /** Hops whose replies now arrive with another TTL: signs that ways back have changed, and no change of this path. */
  readonly returnShifts?: readonly ReturnShift[];
  /** Over the recent rounds; null where the destination has never answered and nothing can be said. */
  readonly loss: LossReport | null;
  readonly delay: DelayReport | null;
  /** How each hop has answered lately, by TTL from 1 on, the destination last. */
  readonly health: readonly HopHealth[];
}

export interface RenamedHop {
  readonly ttl: number;
  readonly before: string;
  readonly after: string;
}
