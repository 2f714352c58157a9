// What is handed to a provider: one target over one period, what changed and when, and the evidence for it. This is its
// shape, which is also its JSON. Invariant: bounded whatever the period; times are epoch milliseconds, durations
// milliseconds, ratios 0 to 1; nothing in it is guessed, what is not known is null or absent.

import type { PathChangeKind } from '../path/observation.ts';
import type { Protocol } from '../trace/network.ts';
import type { AlignedHop } from './hop-alignment.ts';

export const BUNDLE_FORMAT = 'hopscope-bundle/1';

export interface BundleAddress {
  readonly address: string;
  readonly name: string | null;
  readonly asn: number | null;
  readonly asName: string | null;
}

/** What the runs of a stretch of time say together. */
export interface BundleFigures {
  readonly fromMs: number;
  readonly toMs: number;
  readonly runs: number;
  readonly reachedRuns: number;
  readonly lossRatio: number | null;
  readonly rttMinMs: number | null;
  readonly rttMedianMs: number | null;
  readonly rttP95Ms: number | null;
}

/** One measurement as it is stored. */
export interface BundleRun {
  readonly atMs: number;
  readonly durationMs: number;
  readonly reached: boolean;
  readonly hopCount: number;
  readonly rttMs: number | null;
  readonly lossRatio: number;
  readonly pathId: string | null;
  readonly failure: string | null;
  /** By TTL from 1 on. */
  readonly hops: readonly {
    readonly sent: number;
    /** The least round-trip time of each address; '' stands for addresses that are not in the path. */
    readonly answers: readonly {
      readonly address: string;
      readonly answered: number;
      readonly rttMs: number | null;
    }[];
  }[];
}

export interface BundleChange {
  readonly number: number;
  /** When it was confirmed. */
  readonly atMs: number;
  readonly kinds: readonly PathChangeKind[];
  readonly text: string;
  readonly firstHop: number;
  readonly confidence: number;
  readonly beforePathId: string | null;
  readonly afterPathId: string | null;
  readonly hops: readonly AlignedHop[];
  /** From the change before, or the begin of the period, and to the next or its end; at most MAX_WINDOW_MS each. */
  readonly before: BundleFigures;
  readonly after: BundleFigures;
  /** The last run before, and the first on the new path. */
  readonly runBefore: BundleRun | null;
  readonly runAfter: BundleRun | null;
}

export interface BundlePath {
  readonly pathId: string;
  readonly letter: string;
  readonly runs: number;
  readonly prevalence: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly rttMedianMs: number | null;
  readonly hops: readonly (readonly string[])[];
}

export interface BundleBucket {
  readonly atMs: number;
  readonly runs: number;
  readonly rttMedianMs: number | null;
  readonly rttP95Ms: number | null;
  readonly lossRatio: number | null;
  readonly pathId: string | null;
}

export interface BundleMethod {
  /** These are null where the configuration that measured is not known. */
  readonly protocol: Protocol | null;
  readonly port: number | null;
  readonly intervalMs: number | null;
  readonly flows: number | null;
  readonly queries: number | null;
  readonly packetLength: number | null;
}

export interface SupportBundle {
  readonly format: typeof BUNDLE_FORMAT;
  readonly generator: string;
  readonly generatedAtMs: number;
  readonly vantagePoint: string;
  readonly target: {
    readonly key: string;
    readonly host: string;
    readonly address: string | null;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly fromMs: number;
  readonly toMs: number;
  readonly method: BundleMethod;
  /** What a reader has to know, in sentences. */
  readonly summary: readonly string[];
  readonly figures: BundleFigures;
  /** First hop from which loss persists to the destination; null where nothing is lost or it cannot be told. */
  readonly lossStartHop: number | null;
  readonly timeline: { readonly stepMs: number; readonly buckets: readonly BundleBucket[] };
  /** Most seen first. */
  readonly paths: readonly BundlePath[];
  /** In order of time; the latest MAX_CHANGES. */
  readonly changes: readonly BundleChange[];
  /** Changes of the period that are left out above: earlier ones, and flows that moved among parallel links. */
  readonly otherChanges: number;
  /** Facts of every address in it. */
  readonly addresses: Readonly<Record<string, BundleAddress>>;
}
