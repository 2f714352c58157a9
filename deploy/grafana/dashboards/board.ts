// What the dashboards have in common: variables, annotations, links, and the grid that panels are put on in order.
// Invariant: every panel has an id of its own and a description, names its data source by variable, and overlaps no other.

import type { Dataquery as AnyQuery, Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { fixed, probed, type Selection } from './expressions.ts';

export const OVERVIEW_UID = 'hopscope-overview';
export const TARGET_UID = 'hopscope-target';
export const CHANGES_UID = 'hopscope-changes';

export const DATA: { readonly type: string; readonly uid: string } = {
  type: 'prometheus',
  uid: '${datasource}',
};
/** Reads the node graph off the exporter. */
export const GRAPH_DATA: { readonly type: string; readonly uid: string } = {
  type: 'yesoreyeram-infinity-datasource',
  uid: '${graph}',
};

const GRID_WIDTH = 24;
const EXPORTER_LABELS = 'instance=~"$instance"';

/** Both kinds of target, as the label `target`. */
const TARGETS = `query_result(group by (target) (traceroute_success{${EXPORTER_LABELS}}) or group by (target) (${probed('probe_traceroute_hops')}))`;

type PanelBuilder = Builder<Panel> & {
  id(id: number): PanelBuilder;
  datasource(source: { type: string; uid: string }): PanelBuilder;
  gridPos(position: { x: number; y: number; w: number; h: number }): PanelBuilder;
};

/** Puts panels from left to right and rows below one another. */
export class Board {
  readonly #dashboard: DashboardBuilder;
  #nextId = 1;
  #x = 0;
  #y = 0;
  #rowHeight = 0;

  constructor(dashboard: DashboardBuilder) {
    this.#dashboard = dashboard;
  }

  row(title: string): this {
    this.#endLine();
    this.#dashboard.withRow(
      new RowBuilder(title).id(this.#nextId++).gridPos({ x: 0, y: this.#y, w: GRID_WIDTH, h: 1 }),
    );
    this.#y++;
    return this;
  }

  add(panel: unknown, w: number, h: number, source: { type: string; uid: string } = DATA): this {
    if (this.#x + w > GRID_WIDTH) this.#endLine();
    const builder = panel as PanelBuilder;
    builder
      .id(this.#nextId++)
      .datasource(source)
      .gridPos({ x: this.#x, y: this.#y, w, h });
    this.#dashboard.withPanel(builder);
    this.#x += w;
    this.#rowHeight = Math.max(this.#rowHeight, h);
    return this;
  }

  #endLine(): void {
    this.#y += this.#rowHeight;
    this.#x = 0;
    this.#rowHeight = 0;
  }
}

/** A dashboard without panels. `many`: whether several targets may be chosen. */
export function dashboard(
  title: string,
  uid: string,
  description: string,
  many: boolean,
  selection: Selection,
): DashboardBuilder {
  const board = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['hopscope', 'traceroute'])
    .timezone('browser')
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus').regex(''),
    )
    .withVariable(instanceVariable())
    .withVariable(targetVariable(many))
    .withVariable(
      new CustomVariableBuilder('window')
        .label('Averaged over')
        .description('What rates, medians and loss are taken over: longer than two intervals of the targets.')
        .values('5m,15m,1h,6h')
        .current({ selected: true, text: '5m', value: '5m' }),
    )
    .withVariable(
      new TextBoxVariableBuilder('hopscope')
        .label('hopscope')
        .description('Where a browser finds the page of hopscope.')
        .defaultValue('http://127.0.0.1:10434'),
    )
    .link(boards())
    .link(page());
  return board.annotation(changeAnnotation(selection)).annotation(probeAnnotation(selection));
}

function instanceVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('instance')
    .label('Exporter')
    .description('Vantage points: instances of hopscope.')
    .datasource(DATA)
    .query({ query: 'label_values(hopscope_build_info, instance)', refId: 'instance' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

function targetVariable(many: boolean): QueryVariableBuilder {
  const variable = new QueryVariableBuilder('target')
    .label('Target')
    .description('Static targets, and those that Prometheus has traced by /probe.')
    .datasource(DATA)
    .query({ query: TARGETS, refId: 'target' })
    .regex('/target="([^"]+)"/')
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
  if (!many) return variable;
  return variable
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

export function graphVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('graph')
    .label('Routes')
    .description('The data source that reads /api/graph/data off hopscope.')
    .type(GRAPH_DATA.type)
    .regex('');
}

/** The windows overlap, so that no change falls between two of them. */
function changeAnnotation(selection: Selection): AnnotationQueryBuilder {
  const counted = fixed('traceroute_path_changes_total', selection);
  return new AnnotationQueryBuilder()
    .name('Path changes')
    .datasource(DATA)
    .enable(true)
    .iconColor('orange')
    .expr(`sum by (target, kind) (changes(${counted}[2m])) > 0`)
    .step('1m')
    .titleFormat('{{target}}: {{kind}}')
    .tagKeys('kind')
    .textFormat('A confirmed change of the path');
}

function probeAnnotation({ probed: labels }: Selection): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Path changes (/probe)')
    .datasource(DATA)
    .enable(true)
    .iconColor('purple')
    .expr(`changes(probe_traceroute_path_id{${labels}}[2m]) > 0`)
    .step('1m')
    .titleFormat('{{instance}}: another path')
    .textFormat('The path of a scrape is not that of the scrape before');
}

function boards(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('hopscope dashboards')
    .type(DashboardLinkType.Dashboards)
    .tags(['hopscope'])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true)
    .icon('external link')
    .tooltip('')
    .url('');
}

function page(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Page of hopscope')
    .type(DashboardLinkType.Link)
    .url('${hopscope}/')
    .targetBlank(true)
    .icon('external link')
    .tooltip('Paths hop by hop, what changed in them, and traces now')
    .tags([]);
}

/** A query over the range shown. */
export function range(expression: string, legend: string, refId = 'A'): Builder<AnyQuery> {
  return new DataqueryBuilder().datasource(DATA).refId(refId).expr(expression).legendFormat(legend).range();
}

/** A query at the end of the range shown. */
export function instant(expression: string, legend: string, refId = 'A'): Builder<AnyQuery> {
  return new DataqueryBuilder().datasource(DATA).refId(refId).expr(expression).legendFormat(legend).instant();
}

/** The same as rows of a table. */
export function rows(expression: string, refId: string): Builder<AnyQuery> {
  return new DataqueryBuilder()
    .datasource(DATA)
    .refId(refId)
    .expr(expression)
    .legendFormat('__auto')
    .format(PromQueryFormat.Table)
    .instant();
}
