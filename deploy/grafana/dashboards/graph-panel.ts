// The node graph of one target, read off the exporter's /api/graph/data by Grafana's Infinity data source. The SDK has no
// type for that source's queries: theirs is spelt out here, as far as it is used.

import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  ArcOptionBuilder,
  NodeOptionsBuilder,
  PanelBuilder,
} from '@grafana/grafana-foundation-sdk/nodegraph';
import { GRAPH_DATA } from './board.ts';

interface InfinityQuery extends Partial<Dataquery> {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly type: 'json';
  readonly source: 'url';
  readonly parser: 'backend';
  readonly format: 'node-graph-nodes' | 'node-graph-edges';
  /** Below the URL of the data source. */
  readonly url: string;
  readonly url_options: {
    readonly method: 'GET';
    readonly data: '';
    readonly params: readonly { readonly key: string; readonly value: string }[];
  };
  readonly root_selector: string;
  readonly columns: readonly [];
  readonly filters: readonly [];
}

function query(refId: string, part: 'nodes' | 'edges'): Builder<Dataquery> {
  const params = [
    { key: 'target', value: '${target}' },
    { key: 'from', value: '${__from}' },
    { key: 'to', value: '${__to}' },
  ];
  const built: InfinityQuery = {
    refId,
    datasource: GRAPH_DATA,
    type: 'json',
    source: 'url',
    parser: 'backend',
    format: `node-graph-${part}`,
    url: '/api/graph/data',
    url_options: { method: 'GET', data: '', params },
    root_selector: part,
    columns: [],
    filters: [],
  };
  return { build: () => built as Dataquery };
}

export function graphPanel(): PanelBuilder {
  return new PanelBuilder()
    .title('Route')
    .description(
      'The routes of the period shown, laid over one another: vantage point on the left, target on the right. Rings: red is the share of the probes lost from that hop on. Static targets only; needs the Infinity data source, see README.md.',
    )
    .withTarget(query('A', 'nodes'))
    .withTarget(query('B', 'edges'))
    .nodes(
      new NodeOptionsBuilder().arcs([
        new ArcOptionBuilder().field('arc__arrived').color('green'),
        new ArcOptionBuilder().field('arc__lost').color('red'),
        new ArcOptionBuilder().field('arc__unknown').color('gray'),
      ]),
    );
}
