// What the HTTP edge needs of the rest of the house. main.ts hands in the real ones, tests hand in fakes.

import type { Config } from '../config/config.ts';
import type { ProbeRequestResult } from '../metrics/catalogue.ts';
import type { MetricSource } from '../metrics/exposition.ts';
import type { ProbedRound } from '../metrics/probe-metrics.ts';
import type { TargetSummary } from '../metrics/target-metrics.ts';
import type { Trace } from '../trace/trace.ts';
import type { ApiServices } from './api/api-services.ts';
import type { BuiltPage } from './built-page.ts';

export interface ProbeOptions {
  /** Milliseconds from now by which the answer must be there, with whatever was measured. */
  readonly deadlineMs: number;
  /** Name that the caller knows the target by, where `host` is an address. */
  readonly hostname?: string;
  /** Who asks, as limits are kept by. */
  readonly client?: string;
  /** Aborted when the one who asked has gone. */
  readonly signal: AbortSignal;
  /** In place of the module's. */
  readonly port?: number;
  readonly family?: 4 | 6;
  /** Hears of the trace so far as replies arrive. */
  readonly onProgress?: (partial: Trace) => void;
}

/** How an on-demand trace ended. `message` is one sentence for the one who asked. */
export type ProbeOutcome =
  | { readonly kind: 'round'; readonly round: ProbedRound }
  /** The allow and deny lists do not admit the target. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** As many probes are in progress as may be, or were asked for as may be. */
  | { readonly kind: 'busy'; readonly message: string; readonly retryAfterSeconds?: number }
  /** Whoever asked has gone, or the program is about to end. */
  | { readonly kind: 'cancelled' };

/** Traces on demand. Resolves within `deadlineMs`; requests do not wait for one another. */
export interface ProbeService {
  probe(host: string, moduleName: string, options: ProbeOptions): Promise<ProbeOutcome>;
}

/** The latest round of each static target. */
export interface TargetRegistry {
  summary(key: string): TargetSummary | undefined;
}

export interface About {
  readonly version: string;
  /** Arguments in force as they would be written, secrets left out: name without dashes to value. */
  readonly arguments: ReadonlyMap<string, string>;
}

/** The part of a pino logger that is used here. */
export interface HttpLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface HttpServices {
  readonly about: About;
  readonly log: HttpLog;
  /** The configuration in force, or null before the first was applied. */
  config(): Config | null;
  /** Reads the configuration anew. Rejects with an Error whose message says why the old one stays in force. */
  reload(): Promise<void>;
  readonly probes: ProbeService;
  readonly targets: TargetRegistry;
  /** What `/metrics` exposes, in order. Writing them must not trace. */
  readonly metrics: readonly MetricSource[];
  countProbeRequest(result: ProbeRequestResult): void;
  /** What the JSON API reads, or null where there is none. */
  readonly api: ApiServices | null;
  /** The page, or null where it has not been built: `/` is then plain HTML without script. */
  readonly page: BuiltPage | null;
  /** Epoch milliseconds. */
  now(): number;
}
