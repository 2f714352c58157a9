// The dashboards that deploy/grafana ships, as tests read them: their queries, with Grafana's variables filled in.

import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboards } from '../deploy/grafana/generate.ts';

export interface DashboardQuery {
  /** Dashboard, panel and reference, for messages. */
  readonly where: string;
  /** As written, with variables. */
  readonly expression: string;
}

export function panelsOf(dashboard: Dashboard): (Panel | RowPanel)[] {
  return dashboard.panels ?? [];
}

/** Every PromQL expression: panels, annotations and variables. */
export function dashboardQueries(): DashboardQuery[] {
  return [...dashboards()].flatMap(([file, dashboard]) => [
    ...panelsOf(dashboard).flatMap((panel) => panelQueries(file, panel)),
    ...(dashboard.annotations?.list ?? []).flatMap(({ name, expr }) =>
      expr === undefined ? [] : [{ where: `${file} annotation ${name}`, expression: expr }],
    ),
    ...(dashboard.templating?.list ?? []).flatMap(({ name, type, query }) => {
      if (type !== 'query' || typeof query !== 'object') return [];
      const asked = /^query_result\((.*)\)$/.exec(String(query['query']))?.[1];
      return asked === undefined ? [] : [{ where: `${file} variable ${name}`, expression: asked }];
    }),
  ]);
}

function panelQueries(file: string, panel: Panel | RowPanel): DashboardQuery[] {
  if (!('targets' in panel)) return [];
  return (panel.targets ?? []).flatMap((target) => {
    const { expr, refId } = target as unknown as { expr?: string; refId: string };
    return expr === undefined ? [] : [{ where: `${file} panel "${panel.title}" ${refId}`, expression: expr }];
  });
}

/** An expression as Grafana would send it for one choice of target. */
export function filledIn(expression: string, target: string): string {
  const values: Readonly<Record<string, string>> = {
    $instance: '.*',
    $target: target,
    $window: '1m',
    $__range: '10m',
    $__rate_interval: '1m',
  };
  return expression.replaceAll(/\$[a-z_]+/g, (name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`No value for ${name} in ${expression}`);
    return value;
  });
}
