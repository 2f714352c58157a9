// Schemas of what is made for other programs and people: the node graph of Grafana, and reports.
// Invariant: a schema says exactly what its type in api-shapes.ts says; a difference does not compile.

import { z } from 'zod';
import { PATH_CHANGE_KINDS } from '../../path/observation.ts';
import { BUNDLE_FORMAT, type SupportBundle } from '../../report/support-bundle.ts';
import type * as Api from '../api-shapes.ts';
import { API_SCHEMAS, type Same } from './schemas.ts';

const ratio = z.number().min(0).max(1);

const graphField = z.strictObject({
  field_name: z.string(),
  type: z.enum(['string', 'number']),
  color: z.string().optional(),
  displayName: z.string().optional(),
});

const graphFields = z.strictObject({
  nodes_fields: z.array(graphField),
  edges_fields: z.array(graphField),
});

const graphData = z.strictObject({
  nodes: z.array(
    z.strictObject({
      id: z.string(),
      title: z.string(),
      subTitle: z.string(),
      mainStat: z.string(),
      secondaryStat: z.string(),
      arc__arrived: ratio,
      arc__lost: ratio,
      arc__unknown: ratio,
      detail__ttl: z.number().int().min(0),
      detail__share: z.string(),
      detail__replies: z.string(),
      detail__mpls: z.string(),
    }),
  ),
  edges: z.array(
    z.strictObject({
      id: z.string(),
      source: z.string(),
      target: z.string(),
      mainStat: z.string(),
      secondaryStat: z.string(),
      thickness: z.number(),
    }),
  ),
});

/** The format is RIPE's: what is here is what is always there. */
const atlasResults = z.array(
  z.looseObject({
    fw: z.literal(5000),
    type: z.literal('traceroute'),
    timestamp: z.number().int().meta({ description: 'Epoch seconds.' }),
    endtime: z.number().int(),
    dst_name: z.string(),
    proto: z.enum(['ICMP', 'UDP', 'TCP']),
    af: z.union([z.literal(4), z.literal(6)]),
    paris_id: z.number().int(),
    result: z.array(z.looseObject({ hop: z.number().int().min(1), result: z.array(z.looseObject({})) })),
  }),
);

const time = z.number().meta({ description: 'Epoch milliseconds.' });
const count = z.number().int().min(0);
const ms = z.number().nullable().meta({ description: 'Milliseconds.' });
const figures = z.strictObject({
  fromMs: time,
  toMs: time,
  runs: count,
  reachedRuns: count,
  lossRatio: ratio.nullable(),
  rttMinMs: ms,
  rttMedianMs: ms,
  rttP95Ms: ms,
});

const bundleRun = z.strictObject({
  atMs: time,
  durationMs: z.number(),
  reached: z.boolean(),
  hopCount: count,
  rttMs: ms,
  lossRatio: ratio,
  pathId: z.string().nullable(),
  failure: z.string().nullable(),
  hops: z.array(
    z.strictObject({
      sent: count,
      answers: z.array(z.strictObject({ address: z.string(), answered: count, rttMs: ms })),
    }),
  ),
});

const bundleChange = z.strictObject({
  number: count,
  atMs: time,
  kinds: z.array(z.enum(PATH_CHANGE_KINDS as typeof PATH_CHANGE_KINDS & readonly [string, ...string[]])),
  text: z.string(),
  firstHop: count,
  confidence: ratio,
  beforePathId: z.string().nullable(),
  afterPathId: z.string().nullable(),
  hops: z.array(
    z.strictObject({
      ttlBefore: count.nullable(),
      ttlAfter: count.nullable(),
      before: z.string().nullable(),
      after: z.string().nullable(),
      mark: z.enum(['kept', 'changed', 'removed', 'added', 'unknown']),
    }),
  ),
  before: figures,
  after: figures,
  runBefore: bundleRun.nullable(),
  runAfter: bundleRun.nullable(),
});

const supportBundle = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  generator: z.string(),
  generatedAtMs: time,
  vantagePoint: z.string(),
  target: z.strictObject({
    key: z.string(),
    host: z.string(),
    address: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
  }),
  fromMs: time,
  toMs: time,
  method: z.strictObject({
    protocol: z.enum(['icmp', 'udp', 'tcp']).nullable(),
    port: count.nullable(),
    intervalMs: ms,
    flows: count.nullable(),
    queries: count.nullable(),
    packetLength: count.nullable(),
  }),
  summary: z.array(z.string()),
  figures,
  lossStartHop: count.nullable(),
  timeline: z.strictObject({
    stepMs: z.number(),
    buckets: z.array(
      z.strictObject({
        atMs: time,
        runs: count,
        rttMedianMs: ms,
        rttP95Ms: ms,
        lossRatio: ratio.nullable(),
        pathId: z.string().nullable(),
      }),
    ),
  }),
  paths: z.array(
    z.strictObject({
      pathId: z.string(),
      letter: z.string(),
      runs: count,
      prevalence: ratio,
      firstSeenMs: time,
      lastSeenMs: time,
      rttMedianMs: ms,
      hops: z.array(z.array(z.string())),
    }),
  ),
  changes: z.array(bundleChange),
  otherChanges: count,
  addresses: z.record(
    z.string(),
    z.strictObject({
      address: z.string(),
      name: z.string().nullable(),
      asn: count.nullable(),
      asName: z.string().nullable(),
    }),
  ),
});

const health = z.strictObject({ status: z.literal('ok') });

/** Every shape, by the name that the document gives it. */
export const ALL_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  ...API_SCHEMAS,
  GraphFields: graphFields,
  GraphData: graphData,
  AtlasResults: atlasResults,
  SupportBundle: supportBundle,
  Health: health,
};

/** Does not compile where a schema and its type differ. */
const PROOFS: {
  readonly [Name in keyof Shapes]: Same<z.infer<Shapes[Name][0]>, Shapes[Name][1]>;
} = { graphFields: true, graphData: true, supportBundle: true };
void PROOFS;

interface Shapes {
  graphFields: [typeof graphFields, Api.ApiGraphFields];
  graphData: [typeof graphData, Api.ApiGraphData];
  supportBundle: [typeof supportBundle, SupportBundle];
}
