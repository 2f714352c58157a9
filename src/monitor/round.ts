// What monitor/ publishes: one Round for each time a target was traced, or could not be.
// Everything downstream (metrics, history, live feed, push) is fed with Rounds and with nothing else.

import type { TargetConfig } from '../config/config.ts';
import type { PathObservation } from '../path/observation.ts';
import type { Trace } from '../trace/trace.ts';

export type RoundFailure = 'dns' | 'refused' | 'engine';

export interface Round {
  readonly target: TargetConfig;
  /** When the round began, epoch milliseconds. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Address traced; null where resolution failed. */
  readonly address: string | null;
  readonly family: 4 | 6 | null;
  /** Time spent resolving the name; 0 for numeric targets. */
  readonly dnsLookupMs: number;
  readonly trace: Trace | null;
  /** Null where there is no trace. */
  readonly path: PathObservation | null;
  readonly failure: { readonly reason: RoundFailure; readonly message: string } | null;
}
