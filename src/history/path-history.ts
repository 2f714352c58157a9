// The port of path history, and what it answers in. A store keeps runs, paths, changes and roll-ups; whoever reads them
// gets addresses and figures, and adds names and AS numbers himself. Invariant: record... never waits and never throws;
// every answer is bounded, whatever period is asked for; a store that is out of order rejects with HistoryUnavailable.

import type { ChangeGroup } from '../path/change-group.ts';
import type { PathChangeKind } from '../path/observation.ts';
import type { RecordedPath, RecordedRun } from './recorded-run.ts';

/** Epoch milliseconds, both ends included. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface RecordedChange {
  /** Unique over restarts, and ascending in time. */
  readonly id: number;
  readonly target: string;
  readonly host: string;
  readonly atMs: number;
  readonly kind: PathChangeKind;
  readonly firstHop: number;
  readonly flow: number;
  readonly confidence: number;
  readonly before: readonly (string | null)[];
  readonly after: readonly (string | null)[];
  readonly beforePathId: string | null;
  readonly afterPathId: string | null;
  readonly group: string;
}

/** A page of a list; `next` goes into the following question, null at the end. */
export interface HistoryPage<T> {
  readonly items: readonly T[];
  readonly next: number | null;
}

export interface RunQuery extends Period {
  readonly target: string;
  readonly limit: number;
  /** Only runs before this time, or null. */
  readonly beforeMs: number | null;
}

export interface ChangeQuery extends Period {
  readonly target: string | null;
  /** Null for all. */
  readonly kind: PathChangeKind | null;
  readonly group: string | null;
  readonly limit: number;
  /** Only changes with a lower id, or null. */
  readonly beforeId: number | null;
}

export interface GroupQuery extends Period {
  readonly limit: number;
  /** Groups to pass over: 0, or the `next` of the page before. */
  readonly offset: number;
}

export interface RecordedGroup extends Omit<ChangeGroup, 'targets'> {
  /** At most MAX_GROUP_TARGETS of them. */
  readonly targets: readonly string[];
  readonly targetCount: number;
}

export const MAX_GROUP_TARGETS = 100;

export interface TimelineQuery extends Period {
  readonly target: string;
  readonly stepMs: number;
}

export interface TimelineBucket {
  readonly atMs: number;
  readonly runs: number;
  readonly rttMinMs: number | null;
  readonly rttMedianMs: number | null;
  readonly rttP95Ms: number | null;
  readonly lossRatio: number | null;
  readonly hops: number | null;
  /** The path most seen. */
  readonly pathId: string | null;
}

export interface Timeline {
  /** As asked, or more where the store would have to read too much. */
  readonly stepMs: number;
  /** In order; buckets without a run are absent. */
  readonly buckets: readonly TimelineBucket[];
}

export interface RouteNode {
  readonly ttl: number;
  /** Empty for the vantage point at TTL 0 and for a silent hop. */
  readonly address: string;
  readonly share: number;
  readonly destination: boolean;
  readonly sent: number;
  readonly answered: number;
  readonly rtt: { readonly minMs: number; readonly medianMs: number; readonly p95Ms: number } | null;
  readonly forwardLossRatio: number | null;
  readonly rateLimited: boolean;
  readonly mpls: readonly string[];
}

export interface RouteLink {
  readonly ttl: number;
  readonly from: string;
  readonly to: string;
  readonly share: number;
  readonly addedDelayMs: number | null;
}

/** The routes of a period laid over one another. */
export interface RoutePicture {
  readonly runs: number;
  readonly reachedRuns: number;
  /** Of the latest run that has one. */
  readonly pathId: string | null;
  readonly hopCount: number | null;
  readonly lossRatio: number | null;
  readonly lossStartHop: number | null;
  readonly nodes: readonly RouteNode[];
  readonly links: readonly RouteLink[];
}

export interface PathPrevalence {
  readonly pathId: string;
  readonly runs: number;
  /** Of all runs of the period. */
  readonly prevalence: number;
  /** Mean time from taking over to being replaced. */
  readonly persistenceMs: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly hops: readonly (readonly string[])[];
  readonly rttMedianMs: number | null;
}

export interface Prevalence {
  readonly runs: number;
  /** Most seen first, at most MAX_PREVALENT_PATHS. */
  readonly paths: readonly PathPrevalence[];
}

export const MAX_PREVALENT_PATHS = 100;

/** The route in force at an instant: that of the latest run up to it. */
export interface RouteAt {
  readonly run: RecordedRun;
  readonly hops: readonly (readonly string[])[];
}

/** What a store says of itself. */
export interface HistoryState {
  /** False where nothing is kept on disk. */
  readonly enabled: boolean;
  readonly healthy: boolean;
  /** What is wrong, in one sentence. */
  readonly message: string | null;
  readonly recordedRuns: number;
  readonly droppedRuns: number;
  readonly writeFailures: number;
  /** Size on disk, 0 without one. */
  readonly bytes: number;
}

/** What a path tracker knows, as plain JSON, to go on from after a restart. */
export interface PathSnapshot {
  readonly target: string;
  readonly atMs: number;
  readonly data: unknown;
}

/** What was known of a target when the program ended. */
export interface ResumedTarget {
  readonly target: string;
  readonly lastAtMs: number;
  readonly pathId: string | null;
  /** Runs of the latest hour, in order of time, without their hops. */
  readonly recent: readonly RecordedRun[];
  readonly lastChange: RecordedChange | null;
  /** What `saveSnapshot` was given. */
  readonly snapshot: unknown;
}

export interface PathHistory extends AsyncDisposable {
  readonly state: HistoryState;
  /** `path` is the one that the run names, or null. */
  recordRun(run: RecordedRun, path: RecordedPath | null): void;
  recordChange(change: RecordedChange, group: ChangeGroup): void;
  saveSnapshot(snapshot: PathSnapshot): void;
  /** Newest first. */
  runs(query: RunQuery): Promise<HistoryPage<RecordedRun>>;
  timeline(query: TimelineQuery): Promise<Timeline>;
  route(target: string, period: Period): Promise<RoutePicture>;
  routeAt(target: string, atMs: number): Promise<RouteAt | null>;
  prevalence(target: string, period: Period): Promise<Prevalence>;
  /** Newest first. */
  changes(query: ChangeQuery): Promise<HistoryPage<RecordedChange>>;
  groups(query: GroupQuery): Promise<HistoryPage<RecordedGroup>>;
  /** Of those of `targets` that were ever recorded. */
  resume(targets: readonly string[], nowMs: number): Promise<readonly ResumedTarget[]>;
}

/** The store cannot answer; `message` says why and what to do. */
export class HistoryUnavailable extends Error {
  readonly code: 'out-of-order' | 'busy';
  constructor(code: HistoryUnavailable['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HistoryUnavailable';
    this.code = code;
  }
}
