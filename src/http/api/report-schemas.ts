// Schemas of what is made for other programs and people: the node graph of Grafana, and reports.
// Invariant: a schema says exactly what its type in api-shapes.ts says; a difference does not compile.

import { z } from 'zod';
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

const health = z.strictObject({ status: z.literal('ok') });

/** Every shape, by the name that the document gives it. */
export const ALL_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  ...API_SCHEMAS,
  GraphFields: graphFields,
  GraphData: graphData,
  AtlasResults: atlasResults,
  Health: health,
};

/** Does not compile where a schema and its type differ. */
const PROOFS: {
  readonly [Name in keyof Shapes]: Same<z.infer<Shapes[Name][0]>, Shapes[Name][1]>;
} = { graphFields: true, graphData: true };
void PROOFS;

interface Shapes {
  graphFields: [typeof graphFields, Api.ApiGraphFields];
  graphData: [typeof graphData, Api.ApiGraphData];
}
