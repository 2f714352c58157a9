// Every shape of the JSON API as a schema, for the OpenAPI document and for the tests that hold answers against it.
// Invariant: a schema says exactly what its type in api-shapes.ts says; a difference does not compile.

import { z } from 'zod';
import { PATH_CHANGE_KINDS } from '../../path/observation.ts';
import type { Protocol } from '../../trace/network.ts';
import type { Trace } from '../../trace/trace.ts';
import type * as Api from '../api-shapes.ts';

const time = z.number().meta({ description: 'Epoch milliseconds.' });
const ms = z.number().meta({ description: 'Milliseconds.' });
const ratio = z.number().min(0).max(1);
const count = z.number().int().min(0);
const pathId = z.string().meta({ description: '12 hexadecimal digits that name a path.' });
const protocol = z.enum(['icmp', 'udp', 'tcp']);
const kind = z.enum(PATH_CHANGE_KINDS as typeof PATH_CHANGE_KINDS & readonly [string, ...string[]]);
const STATES = ['ok', 'unreachable', 'failed', 'stale', 'pending'] as const;
const state = z.enum(STATES);

function page<T extends z.ZodType>(item: T) {
  return { items: z.array(item), next: z.string().nullable() };
}

const error = z.strictObject({ error: z.strictObject({ status: z.number().int(), message: z.string() }) });

const address = z.strictObject({
  address: z.string(),
  name: z.string().nullable(),
  asn: z.number().int().nullable(),
  asName: z.string().nullable(),
  country: z.string().nullable(),
});

const change = z.strictObject({
  id: count,
  target: z.string(),
  host: z.string(),
  atMs: time,
  kind,
  firstHop: count,
  flow: count,
  confidence: ratio,
  before: z.array(address.nullable()),
  after: z.array(address.nullable()),
  beforePathId: pathId.nullable(),
  afterPathId: pathId.nullable(),
  text: z.string(),
  group: z.string(),
});

const sparkline = z.strictObject({
  fromMs: time,
  stepMs: ms,
  rttMs: z.array(ms.nullable()),
  lossRatio: z.array(ratio.nullable()),
  path: z.array(count.nullable()),
  paths: z.array(pathId),
});

const figures = {
  hops: count.nullable(),
  rttMs: ms.nullable(),
  lossRatio: ratio.nullable(),
  paths: count.nullable(),
  pathId: pathId.nullable(),
  asPath: z.array(count),
};

const target = z.strictObject({
  key: z.string(),
  host: z.string(),
  labels: z.record(z.string(), z.string()),
  module: z.string(),
  protocol,
  port: count.nullable(),
  intervalMs: ms,
  expectedHops: count.nullable(),
  state,
  reason: z.string().nullable(),
  address: z.string().nullable(),
  lastRunAtMs: time.nullable(),
  ...figures,
  lastChange: change.nullable(),
  recent: sparkline,
});

const targets = z.strictObject({ ...page(target), total: count, states: z.record(state, count) });

const rtt = z.strictObject({ minMs: ms, medianMs: ms, p95Ms: ms });

const node = z.strictObject({
  ...address.shape,
  ttl: count,
  share: ratio,
  destination: z.boolean(),
  sent: count,
  answered: count,
  rtt: rtt.nullable(),
  forwardLossRatio: ratio.nullable(),
  rateLimited: z.boolean(),
  mpls: z.array(z.string()),
});

const link = z.strictObject({
  ttl: count,
  from: z.string(),
  to: z.string(),
  share: ratio,
  addedDelayMs: z.number().nullable(),
});

const route = z.strictObject({
  fromMs: time,
  toMs: time,
  runs: count,
  reachedRuns: count,
  pathId: pathId.nullable(),
  hopCount: count.nullable(),
  lossRatio: ratio.nullable(),
  lossStartHop: count.nullable(),
  nodes: z.array(node),
  links: z.array(link),
});

const run = z.strictObject({
  atMs: time,
  durationMs: ms,
  reached: z.boolean(),
  hops: count,
  rttMs: ms.nullable(),
  lossRatio: ratio,
  pathId: pathId.nullable(),
  failure: z.string().nullable(),
  perHop: z.array(z.strictObject({ sent: count, answered: count, rttMs: ms.nullable() })),
});

const timeline = z.strictObject({
  fromMs: time,
  toMs: time,
  stepMs: ms,
  atMs: z.array(time),
  runs: z.array(count),
  rttMinMs: z.array(ms.nullable()),
  rttMedianMs: z.array(ms.nullable()),
  rttP95Ms: z.array(ms.nullable()),
  lossRatio: z.array(ratio.nullable()),
  hops: z.array(count.nullable()),
  path: z.array(count.nullable()),
  paths: z.array(pathId),
  changes: z.array(change),
});

const changeGroup = z.strictObject({
  id: z.string(),
  cause: address.nullable(),
  firstAtMs: time,
  lastAtMs: time,
  kinds: z.partialRecord(kind, count),
  targets: z.array(z.string()),
  targetCount: count,
  text: z.string(),
});

const diffSide = z.strictObject({
  atMs: time,
  pathId: pathId.nullable(),
  hops: count.nullable(),
  rttMs: ms.nullable(),
});

const diff = z.strictObject({
  a: diffSide,
  b: diffSide,
  rows: z.array(
    z.strictObject({
      ttl: count,
      kept: z.array(address),
      removed: z.array(address),
      added: z.array(address),
    }),
  ),
});

const prevalence = z.strictObject({
  fromMs: time,
  toMs: time,
  runs: count,
  paths: z.array(
    z.strictObject({
      pathId,
      runs: count,
      prevalence: ratio,
      persistenceMs: ms,
      firstSeenMs: time,
      lastSeenMs: time,
      hops: z.array(z.array(address)),
      rttMedianMs: ms.nullable(),
    }),
  ),
});

const mplsLabel = z.strictObject({
  label: count,
  tc: count,
  bottom: z.boolean(),
  ttl: count,
});

const interfaceInformation = z.strictObject({
  role: z.enum(['incoming', 'sub-ip', 'outgoing', 'next-hop']),
  index: z.number().exactOptional(),
  address: z.string().exactOptional(),
  name: z.string().exactOptional(),
  mtu: z.number().exactOptional(),
});

const reply = z.strictObject({
  flow: count,
  address: z.string(),
  rttMs: ms,
  kind: z.enum([
    'time-exceeded',
    'echo-reply',
    'port-unreachable',
    'udp-reply',
    'syn-ack',
    'rst',
    'unreachable',
  ]),
  code: z.number().exactOptional(),
  replyTtl: z.number().exactOptional(),
  mpls: z.array(mplsLabel).exactOptional(),
  interfaces: z.array(interfaceInformation).exactOptional(),
  quotedTtl: z.number().exactOptional(),
  quotedTrafficClass: z.number().exactOptional(),
  natDelta: z.number().exactOptional(),
  mtu: z.number().exactOptional(),
});

const trace = z.strictObject({
  target: z.string(),
  address: z.string(),
  family: z.union([z.literal(4), z.literal(6)]),
  protocol,
  port: count.nullable(),
  mode: z.enum(['raw', 'unprivileged']),
  startedAt: z.string(),
  durationMs: ms,
  reached: z.boolean(),
  hopCount: count,
  probesSent: count,
  hops: z.array(
    z.strictObject({
      ttl: count,
      sent: count,
      replies: z.array(reply),
      outcomes: z.array(z.number().int()).exactOptional(),
    }),
  ),
  links: z.array(z.strictObject({ ttl: count, from: z.string(), to: z.string() })),
  end: z.enum(['reached', 'unreachable', 'silent', 'max-ttl', 'deadline', 'send-failed', 'cancelled']),
  note: z.string().exactOptional(),
  duplicates: count,
  late: count,
  flows: z.array(count),
  trafficClass: count.exactOptional(),
  multipath: z
    .strictObject({
      confidence: z.union([z.literal(95), z.literal(99)]),
      interfaces: z.array(z.array(z.string())),
      perPacketTtls: z.array(count),
      probesSent: count,
      complete: z.boolean(),
      note: z.string().exactOptional(),
      changed: z.literal(true).exactOptional(),
    })
    .exactOptional(),
  mtu: z
    .strictObject({
      bytes: count,
      hop: count,
      address: z.string().nullable(),
      exact: z.boolean(),
      interfaceBytes: count.exactOptional(),
      steps: z.array(z.strictObject({ bytes: count, hop: count, address: z.string() })).exactOptional(),
    })
    .exactOptional(),
});

const traceNow = z.strictObject({
  id: z.string(),
  host: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  startedAtMs: time,
  message: z.string().nullable(),
  trace: trace.nullable(),
  pathId: pathId.nullable(),
  addresses: z.record(z.string(), address),
});

const runEvent = z.strictObject({
  atMs: time,
  state,
  reason: z.string().nullable(),
  address: z.string().nullable(),
  ...figures,
});

const liveEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), nowMs: time, version: z.string() }),
  z.strictObject({ type: z.literal('heartbeat'), nowMs: time }),
  z.strictObject({ type: z.literal('resync'), dropped: count }),
  z.strictObject({ type: z.literal('run'), target: z.string(), run: runEvent }),
  z.strictObject({ type: z.literal('change'), change }),
  z.strictObject({ type: z.literal('targets') }),
  z.strictObject({ type: z.literal('trace'), trace: traceNow }),
]);

const status = z.strictObject({
  version: z.string(),
  nowMs: time,
  startedAtMs: time,
  targets: count,
  history: z.strictObject({ enabled: z.boolean(), healthy: z.boolean(), message: z.string().nullable() }),
  modules: z.array(z.strictObject({ name: z.string(), protocol, port: count.nullable() })),
  asDatabase: z.boolean(),
});

const traceOrder = z.strictObject({
  host: z.string().max(1000).meta({ description: 'What to trace: a name, an address, host:port.' }),
  module: z.string().max(200).optional(),
  protocol: protocol.optional(),
  port: z.number().int().min(1).max(65_535).nullish(),
  family: z.union([z.literal(4), z.literal(6)]).nullish(),
});

/** The body of a request for a trace. */
export interface TraceOrderBody {
  readonly host: string;
  readonly module?: string | undefined;
  readonly protocol?: Protocol | undefined;
  readonly port?: number | null | undefined;
  readonly family?: 4 | 6 | null | undefined;
}

export const traceOrderSchema: z.ZodType<TraceOrderBody> = traceOrder;

const changes = z.strictObject(page(change));
const changeGroups = z.strictObject(page(changeGroup));
const runs = z.strictObject(page(run));

/** By the names that the document gives them. */
export const API_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  Error: error,
  Address: address,
  Change: change,
  Changes: changes,
  ChangeGroup: changeGroup,
  ChangeGroups: changeGroups,
  Sparkline: sparkline,
  Target: target,
  Targets: targets,
  Route: route,
  Run: run,
  Runs: runs,
  Timeline: timeline,
  Diff: diff,
  Prevalence: prevalence,
  Trace: trace,
  TraceNow: traceNow,
  TraceOrder: traceOrder,
  LiveEvent: liveEvent,
  Status: status,
};

/** Whether two types are the same, each assignable to the other with `readonly` left aside. */
type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;
export type Same<A, B> = [Frozen<A>] extends [Frozen<B>]
  ? [Frozen<B>] extends [Frozen<A>]
    ? true
    : false
  : false;

/** Does not compile where a schema and its type differ. */
const PROOFS: {
  readonly [Name in keyof Shapes]: Same<z.infer<Shapes[Name][0]>, Shapes[Name][1]>;
} = {
  error: true,
  target: true,
  targets: true,
  route: true,
  run: true,
  timeline: true,
  change: true,
  changeGroup: true,
  diff: true,
  prevalence: true,
  trace: true,
  traceNow: true,
  liveEvent: true,
  status: true,
};
void PROOFS;

interface Shapes {
  error: [typeof error, Api.ApiError];
  target: [typeof target, Api.ApiTarget];
  targets: [typeof targets, Api.ApiTargets];
  route: [typeof route, Api.ApiRoute];
  run: [typeof run, Api.ApiRun];
  timeline: [typeof timeline, Api.ApiTimeline];
  change: [typeof change, Api.ApiChange];
  changeGroup: [typeof changeGroup, Api.ApiChangeGroup];
  diff: [typeof diff, Api.ApiDiff];
  prevalence: [typeof prevalence, Api.ApiPrevalence];
  trace: [typeof trace, Trace];
  traceNow: [typeof traceNow, Api.ApiTraceNow];
  liveEvent: [typeof liveEvent, Api.ApiLiveEvent];
  status: [typeof status, Api.ApiStatus];
}
