// The route of a target as a graph for Grafana's node graph panel, under the paths that its data sources ask for: the Node
// Graph API plugin sends one query string to fields and data alike, Infinity reads data alone.

import type { RouteLink, RouteNode, RoutePicture } from '../../history/path-history.ts';
import type { ApiGraphData, ApiGraphEdge, ApiGraphFields, ApiGraphNode } from '../api-shapes.ts';
import type { HttpServices } from '../http-services.ts';
import { apiAddress } from './address-facts.ts';
import type { ApiServices } from './api-services.ts';
import type { ApiEndpoint } from './endpoint.ts';
import { textParameter } from './parameters.ts';
import { FROM, findEntry, periodOf, TO } from './target-period.ts';

const TARGET = textParameter(
  'target',
  1000,
  'Key of the target, or its host where only one target has that.',
);

/** Ring of a node: the share of the probes that is lost from there to the destination, where that can be said. */
const ARCS = {
  arc__arrived: ['green', 'Arrives'],
  arc__lost: ['red', 'Lost from here on'],
  arc__unknown: ['gray', 'Not known'],
} as const;

const FIELDS: ApiGraphFields = {
  nodes_fields: [
    { field_name: 'id', type: 'string' },
    { field_name: 'title', type: 'string', displayName: 'Address' },
    { field_name: 'subTitle', type: 'string', displayName: 'Name' },
    { field_name: 'mainStat', type: 'string', displayName: 'Median RTT' },
    { field_name: 'secondaryStat', type: 'string', displayName: 'AS' },
    ...Object.entries(ARCS).map(
      ([name, [color, displayName]]) => ({ field_name: name, type: 'number', color, displayName }) as const,
    ),
    { field_name: 'detail__ttl', type: 'number', displayName: 'TTL' },
    { field_name: 'detail__share', type: 'string', displayName: 'Of the runs' },
    { field_name: 'detail__replies', type: 'string', displayName: 'Probes answered' },
    { field_name: 'detail__mpls', type: 'string', displayName: 'MPLS' },
  ],
  edges_fields: [
    { field_name: 'id', type: 'string' },
    { field_name: 'source', type: 'string' },
    { field_name: 'target', type: 'string' },
    { field_name: 'mainStat', type: 'string', displayName: 'Delay added' },
    { field_name: 'secondaryStat', type: 'string', displayName: 'Of the runs' },
    { field_name: 'thickness', type: 'number' },
  ],
};

export function graphEndpoints(services: Pick<HttpServices, 'now'>, api: ApiServices): ApiEndpoint[] {
  return [
    {
      method: 'GET',
      path: '/api/graph/fields',
      summary: 'What nodes and edges of the graph have, for the Node Graph API data source of Grafana.',
      parameters: [TARGET, FROM, TO],
      shape: 'GraphFields',
      handle: (): ApiGraphFields => FIELDS,
    },
    {
      method: 'GET',
      path: '/api/graph/data',
      summary: 'The routes of a target in a period, laid over one another, for the node graph of Grafana.',
      parameters: [TARGET, FROM, TO],
      shape: 'GraphData',
      refusals: [404],
      handle: async (call): Promise<ApiGraphData> => {
        const period = periodOf(call, services);
        const name = call.get(TARGET);
        if (name === null) return { nodes: [], edges: [] };
        const { target } = findEntry(name, api);
        return graphOf(await api.history.route(target.key, period), target.host, api);
      },
    },
    {
      method: 'GET',
      path: '/api/health',
      summary: 'Whether there is an API here, for the test of a data source of Grafana.',
      parameters: [],
      shape: 'Health',
      handle: () => ({ status: 'ok' }),
    },
  ];
}

function graphOf(picture: RoutePicture, host: string, { directory }: ApiServices): ApiGraphData {
  const nodes = picture.nodes.map((node): ApiGraphNode => {
    const { name, asn, asName } = apiAddress(node.address, directory);
    return {
      id: nodeId(node.ttl, node.address),
      title: titleOf(node),
      subTitle: name ?? (node.destination ? host : ''),
      mainStat: node.rtt === null ? '' : `${formatted(node.rtt.medianMs)} ms`,
      secondaryStat: asn === null ? '' : `AS${asn}${asName === null ? '' : ` ${asName}`}`,
      ...ringOf(node),
      detail__ttl: node.ttl,
      detail__share: percent(node.share),
      detail__replies: node.ttl === 0 ? '' : `${node.answered} of ${node.sent}`,
      detail__mpls: node.mpls.join(' '),
    };
  });
  const known = new Set(nodes.map(({ id }) => id));
  return {
    nodes,
    edges: picture.links.map(edgeOf).filter(({ source, target }) => known.has(source) && known.has(target)),
  };
}

function nodeId(ttl: number, address: string): string {
  return `${ttl} ${address}`.trim();
}

function titleOf({ ttl, address }: RouteNode): string {
  if (ttl === 0) return 'vantage point';
  return address === '' ? 'silent' : address;
}

function ringOf({
  ttl,
  forwardLossRatio,
}: RouteNode): Pick<ApiGraphNode, 'arc__arrived' | 'arc__lost' | 'arc__unknown'> {
  if (ttl === 0) return { arc__arrived: 1, arc__lost: 0, arc__unknown: 0 };
  if (forwardLossRatio === null) return { arc__arrived: 0, arc__lost: 0, arc__unknown: 1 };
  return { arc__arrived: 1 - forwardLossRatio, arc__lost: forwardLossRatio, arc__unknown: 0 };
}

function edgeOf({ ttl, from, to, share, addedDelayMs }: RouteLink): ApiGraphEdge {
  const source = nodeId(ttl, from);
  const target = nodeId(ttl + 1, to);
  return {
    id: `${source} > ${target}`,
    source,
    target,
    mainStat: addedDelayMs === null ? '' : `${addedDelayMs < 0 ? '' : '+'}${formatted(addedDelayMs)} ms`,
    secondaryStat: percent(share),
    thickness: 1 + Math.round(share * 4),
  };
}

function formatted(ms: number): string {
  return ms.toFixed(Math.abs(ms) < 10 ? 2 : 1);
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 1000) / 10} %`;
}
