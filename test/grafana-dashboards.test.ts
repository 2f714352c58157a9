// What can be said of the dashboards without a Grafana server: structure, grid, variables, and that PromQL and catalogue
// are as they assume. That their expressions return data is test/e2e/grafana.test.ts.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { CHANGES_UID, OVERVIEW_UID, TARGET_UID } from '../deploy/grafana/dashboards/board.ts';
import { DASHBOARD_FOLDER, dashboards, dashboardText } from '../deploy/grafana/generate.ts';
import { PROBE_METRICS, PUSH_METRICS, SELF_METRICS, TARGET_METRICS } from '../src/metrics/catalogue.ts';
import { dashboardQueries, filledIn, panelsOf } from './grafana-dashboards.ts';

test('deploy/grafana/json is what the generator yields, and nothing else', () => {
  const made = dashboards();
  assert.deepEqual(readdirSync(DASHBOARD_FOLDER).sort(), [...made.keys()].sort());
  for (const [name, dashboard] of made) {
    const there = readFileSync(join(DASHBOARD_FOLDER, name), 'utf8');
    assert.equal(there, dashboardText(dashboard), `${name}: run node deploy/grafana/generate.ts`);
  }
});

test('every panel has its own id, a title, a description and a data source by variable', () => {
  for (const [name, dashboard] of dashboards()) {
    const ids = panelsOf(dashboard).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, name);
    for (const panel of panelsOf(dashboard)) {
      assert.ok(panel.id !== undefined && panel.title !== undefined && panel.title !== '', name);
      if (panel.type === 'row') continue;
      assert.ok('description' in panel && (panel.description ?? '').length > 10, `${name}: ${panel.title}`);
      const sources = [panel.datasource, ...(panel.targets ?? []).map((target) => sourceOf(target))];
      for (const source of sources)
        assert.match(source?.uid ?? '', /^\$\{(datasource|graph)\}$/, panel.title);
      assert.ok((panel.targets ?? []).length > 0, `${name}: ${panel.title} asks for nothing`);
      const references = (panel.targets ?? []).map((target) => (target as { refId?: string }).refId);
      assert.equal(new Set(references).size, references.length, `${name}: ${panel.title}`);
    }
  }
});

function sourceOf(target: object): { uid?: string } | undefined {
  return (target as { datasource?: { uid?: string } }).datasource;
}

test('panels lie within the grid and overlap no other', () => {
  for (const [name, dashboard] of dashboards()) {
    const taken = new Map<string, string>();
    for (const { gridPos, title } of panelsOf(dashboard)) {
      assert.ok(
        gridPos !== undefined && gridPos.w > 0 && gridPos.x >= 0 && gridPos.x + gridPos.w <= 24,
        name,
      );
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          const other = taken.get(`${x} ${y}`);
          assert.equal(other, undefined, `${name}: ${title} lies on ${other}`);
          taken.set(`${x} ${y}`, title ?? '');
        }
      }
    }
  }
});

test('links and variables that are referred to exist', () => {
  const uids = [...dashboards().values()].map(({ uid }) => uid);
  assert.deepEqual(uids.sort(), [CHANGES_UID, OVERVIEW_UID, TARGET_UID].sort());
  for (const [name, dashboard] of dashboards()) {
    const text = dashboardText(dashboard);
    const variables = new Set(dashboard.templating?.list?.map((variable) => variable.name));
    for (const [, variable] of text.matchAll(/\$\{(\w+)(?::\w+)?\}/g)) {
      assert.ok(variables.has(variable ?? '') || variable?.startsWith('__'), `${name}: ${variable}`);
    }
    for (const [, uid] of text.matchAll(/"\/d\/([\w-]+)/g)) assert.ok(uids.includes(uid), `${name}: ${uid}`);
  }
});

/** Pieces of `expression` that are no PromQL. */
function syntaxErrors(expression: string): string[] {
  const found: string[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found.push(expression.slice(Math.max(0, from - 10), to + 10));
    },
  });
  return found;
}

test('every expression is PromQL over metrics of the catalogue', () => {
  assert.notDeepEqual(syntaxErrors('sum(rate(x[5m])'), [], 'the parser finds errors');
  const catalogue = [PROBE_METRICS, PUSH_METRICS, SELF_METRICS, TARGET_METRICS].flatMap((metrics) =>
    Object.values(metrics).map(({ name }) => name as string),
  );
  const known = new Set(catalogue.flatMap((name) => [name, `${name}_bucket`]));
  const queries = dashboardQueries();
  assert.ok(queries.length > 60, String(queries.length));
  for (const { where, expression } of queries) {
    const sent = filledIn(expression, '198.18.0.1');
    assert.deepEqual(syntaxErrors(sent), [], `${where}: ${sent}`);
    const names = [...sent.matchAll(/\b((?:probe|traceroute|hopscope|process|nodejs)_\w+)/g)];
    if (!sent.includes('vector(0)')) assert.notEqual(names.length, 0, where);
    for (const [, name] of names) assert.ok(known.has(name ?? ''), `${where}: ${name}`);
  }
});

test('provisioning names data sources with uids of their own and the folder that README.md says', () => {
  const read = (path: string): string =>
    readFileSync(join(import.meta.dirname, '../deploy/grafana', path), 'utf8');
  const { datasources } = parse(read('provisioning/datasources/hopscope.yaml'));
  assert.deepEqual(
    datasources.map(({ uid, type }: { uid: string; type: string }) => [uid, type]),
    [
      ['hopscope-prometheus', 'prometheus'],
      ['hopscope-routes', 'yesoreyeram-infinity-datasource'],
    ],
  );
  const { providers } = parse(read('provisioning/dashboards/hopscope.yaml'));
  assert.ok(read('README.md').includes(`json ${providers[0].options.path}`));
});
