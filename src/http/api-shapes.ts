// What the JSON API speaks: the page and scripts read these shapes, and the OpenAPI document describes them.
// Invariant: a field is never renamed or retyped within /api/v1; times are epoch milliseconds, durations milliseconds,
// ratios 0 to 1, addresses text. Every list is bounded and says whether more follows.

import type { PathChangeKind } from '../path/observation.ts';
import type { Protocol } from '../trace/network.ts';
import type { Trace } from '../trace/trace.ts';

/** Every answer that is not 2xx. */
export interface ApiError {
  readonly error: { readonly status: number; readonly message: string };
}

/** A page of a list. `next` goes into `?cursor=` for the following page; null at the end. */
export interface ApiPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface ApiAddress {
  readonly address: string;
  readonly name: string | null;
  readonly asn: number | null;
  readonly asName: string | null;
  readonly country: string | null;
}

export type ApiTargetState = 'ok' | 'unreachable' | 'failed' | 'stale' | 'pending';

/** GET /api/v1/targets?filter=&state=&sort=&order=&limit=&cursor= -> ApiPage<ApiTarget> & { total } */
export interface ApiTarget {
  /** Identity; the `{key}` of other paths, to be percent-encoded. */
  readonly key: string;
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly module: string;
  readonly protocol: Protocol;
  readonly port: number | null;
  readonly intervalMs: number;
  readonly expectedHops: number | null;
  readonly state: ApiTargetState;
  /** Why, in one sentence, where the state is not `ok`. */
  readonly reason: string | null;
  readonly address: string | null;
  readonly lastRunAtMs: number | null;
  readonly hops: number | null;
  readonly rttMs: number | null;
  readonly lossRatio: number | null;
  readonly paths: number | null;
  readonly pathId: string | null;
  readonly asPath: readonly number[];
  readonly lastChange: ApiChange | null;
  /** The latest hour in 60 buckets, oldest first. */
  readonly recent: ApiSparkline;
}

export interface ApiSparkline {
  readonly fromMs: number;
  readonly stepMs: number;
  /** Least RTT, null where nothing was measured. */
  readonly rttMs: readonly (number | null)[];
  readonly lossRatio: readonly (number | null)[];
  /** Index into `paths`, or null. */
  readonly path: readonly (number | null)[];
  readonly paths: readonly string[];
}

export interface ApiTargets extends ApiPage<ApiTarget> {
  /** Targets that match the filter. */
  readonly total: number;
  /** Targets by state, whatever the filter. */
  readonly states: Readonly<Record<ApiTargetState, number>>;
}

/** One interface in a route graph. */
export interface ApiNode extends ApiAddress {
  /** 0 is the vantage point. A silent hop has the address '' and one node a TTL. */
  readonly ttl: number;
  /** Share of the traces of the period whose flows met it. */
  readonly share: number;
  readonly destination: boolean;
  readonly sent: number;
  readonly answered: number;
  readonly rtt: { readonly minMs: number; readonly medianMs: number; readonly p95Ms: number } | null;
  /** Loss that persists from here to the destination; null where it cannot be said. */
  readonly forwardLossRatio: number | null;
  readonly rateLimited: boolean;
  readonly mpls: readonly string[];
}

export interface ApiLink {
  readonly ttl: number;
  readonly from: string;
  readonly to: string;
  readonly share: number;
  /** Delay that this link adds (difference of medians); null where it cannot be said. */
  readonly addedDelayMs: number | null;
}

/** GET /api/v1/targets/{key}/route?from=&to= (without times: the latest hour's) */
export interface ApiRoute {
  readonly fromMs: number;
  readonly toMs: number;
  /** Traces it is made of. */
  readonly runs: number;
  readonly reachedRuns: number;
  readonly pathId: string | null;
  readonly hopCount: number | null;
  readonly lossRatio: number | null;
  readonly lossStartHop: number | null;
  readonly nodes: readonly ApiNode[];
  readonly links: readonly ApiLink[];
}

/** GET /api/v1/targets/{key}/runs?from=&to=&limit=&cursor= -> ApiPage<ApiRun>, newest first */
export interface ApiRun {
  readonly atMs: number;
  readonly durationMs: number;
  readonly reached: boolean;
  readonly hops: number;
  readonly rttMs: number | null;
  readonly lossRatio: number;
  readonly pathId: string | null;
  readonly failure: string | null;
  /** By TTL from 1 on; null RTT for a silent hop. */
  readonly perHop: readonly {
    readonly sent: number;
    readonly answered: number;
    readonly rttMs: number | null;
  }[];
}

/** GET /api/v1/targets/{key}/timeline?from=&to=&points= : roll-ups, oldest first */
export interface ApiTimeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  /** Bucket starts; the columns below have the same length, null where nothing was measured. */
  readonly atMs: readonly number[];
  readonly runs: readonly number[];
  readonly rttMinMs: readonly (number | null)[];
  readonly rttMedianMs: readonly (number | null)[];
  readonly rttP95Ms: readonly (number | null)[];
  readonly lossRatio: readonly (number | null)[];
  readonly hops: readonly (number | null)[];
  /** Index into `paths` of the path most seen, or null. */
  readonly path: readonly (number | null)[];
  readonly paths: readonly string[];
  readonly changes: readonly ApiChange[];
}

/** GET /api/v1/changes?from=&to=&kind=&target=&limit=&cursor= -> ApiPage<ApiChange>, newest first */
export interface ApiChange {
  readonly id: number;
  /** Key of the target. */
  readonly target: string;
  readonly host: string;
  readonly atMs: number;
  readonly kind: PathChangeKind;
  readonly firstHop: number;
  readonly flow: number;
  readonly confidence: number;
  /** By TTL from 1 on; null for a hop not known. */
  readonly before: readonly (ApiAddress | null)[];
  readonly after: readonly (ApiAddress | null)[];
  readonly beforePathId: string | null;
  readonly afterPathId: string | null;
  /** The change in words: "hop 7 left AS64500 for AS64511". */
  readonly text: string;
  /** Id of its ApiChangeGroup. */
  readonly group: string;
}

/** GET /api/v1/change-groups?from=&to=&limit=&cursor= -> ApiPage<ApiChangeGroup>, newest first */
export interface ApiChangeGroup {
  readonly id: string;
  readonly cause: ApiAddress | null;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly kinds: Readonly<Partial<Record<PathChangeKind, number>>>;
  /** At most 100 of them; `targetCount` counts all. */
  readonly targets: readonly string[];
  readonly targetCount: number;
  /** "14 targets moved at 100.64.3.1" */
  readonly text: string;
}

/** GET /api/v1/targets/{key}/diff?a=&b= : the routes in force at two instants */
export interface ApiDiff {
  readonly a: ApiDiffSide;
  readonly b: ApiDiffSide;
  readonly rows: readonly {
    readonly ttl: number;
    readonly kept: readonly ApiAddress[];
    readonly removed: readonly ApiAddress[];
    readonly added: readonly ApiAddress[];
  }[];
}

export interface ApiDiffSide {
  readonly atMs: number;
  readonly pathId: string | null;
  readonly hops: number | null;
  readonly rttMs: number | null;
}

/** GET /api/v1/targets/{key}/prevalence?from=&to= : the paths of a period, most seen first */
export interface ApiPrevalence {
  readonly fromMs: number;
  readonly toMs: number;
  readonly runs: number;
  readonly paths: readonly {
    readonly pathId: string;
    readonly runs: number;
    /** Of all runs of the period. */
    readonly prevalence: number;
    readonly persistenceMs: number;
    readonly firstSeenMs: number;
    readonly lastSeenMs: number;
    readonly hops: readonly (readonly ApiAddress[])[];
    readonly rttMedianMs: number | null;
  }[];
}

/** POST /api/v1/traces, JSON { host, module?, protocol?, port?, family? } -> 202; then GET /api/v1/traces/{id} */
export interface ApiTraceNow {
  readonly id: string;
  readonly host: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAtMs: number;
  /** Why, where it failed. */
  readonly message: string | null;
  /** What is known so far. */
  readonly trace: Trace | null;
  readonly pathId: string | null;
  /** Facts of every address in the trace, by address. */
  readonly addresses: Readonly<Record<string, ApiAddress>>;
}

/**
 * GET /api/v1/live?target= and GET /api/v1/traces/{id}/events : server-sent events. The event's name is `type`, its data
 * the JSON of the rest. `hello` comes first, `heartbeat` every 15 s; a client that falls behind gets `resync` and must
 * read anew.
 */
export type ApiLiveEvent =
  | { readonly type: 'hello'; readonly nowMs: number; readonly version: string }
  | { readonly type: 'heartbeat'; readonly nowMs: number }
  | { readonly type: 'resync'; readonly dropped: number }
  | { readonly type: 'run'; readonly target: string; readonly run: ApiRunEvent }
  | { readonly type: 'change'; readonly change: ApiChange }
  | { readonly type: 'targets' }
  | { readonly type: 'trace'; readonly trace: ApiTraceNow };

/** A run as the live feed tells it: what a row of the target list needs. */
export interface ApiRunEvent {
  readonly atMs: number;
  readonly state: ApiTargetState;
  readonly reason: string | null;
  readonly address: string | null;
  readonly hops: number | null;
  readonly rttMs: number | null;
  readonly lossRatio: number | null;
  readonly paths: number | null;
  readonly pathId: string | null;
  readonly asPath: readonly number[];
}

/** GET /api/v1/status : what the page's header and footer say. */
export interface ApiStatus {
  readonly version: string;
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly targets: number;
  readonly history: { readonly enabled: boolean; readonly healthy: boolean; readonly message: string | null };
  readonly modules: readonly {
    readonly name: string;
    readonly protocol: Protocol;
    readonly port: number | null;
  }[];
  readonly asDatabase: boolean;
}

/** GET /api/graph/fields : what the node graph of Grafana is to expect of nodes and edges. */
export interface ApiGraphFields {
  readonly nodes_fields: readonly ApiGraphField[];
  readonly edges_fields: readonly ApiGraphField[];
}

export interface ApiGraphField {
  readonly field_name: string;
  readonly type: 'string' | 'number';
  readonly color?: string | undefined;
  readonly displayName?: string | undefined;
}

/** GET /api/graph/data?target=&from=&to= : the names are those that the node graph of Grafana knows. */
export interface ApiGraphData {
  readonly nodes: readonly ApiGraphNode[];
  readonly edges: readonly ApiGraphEdge[];
}

export interface ApiGraphNode {
  readonly id: string;
  readonly title: string;
  readonly subTitle: string;
  readonly mainStat: string;
  readonly secondaryStat: string;
  /** Shares that add up to 1. */
  readonly arc__arrived: number;
  readonly arc__lost: number;
  readonly arc__unknown: number;
  readonly detail__ttl: number;
  readonly detail__share: string;
  readonly detail__replies: string;
  readonly detail__mpls: string;
}

export interface ApiGraphEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly mainStat: string;
  readonly secondaryStat: string;
  readonly thickness: number;
}
