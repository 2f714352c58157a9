// Every expression of the dashboards that deploy/grafana ships returns data from a real Prometheus that scrapes the real
// exporter, static targets and /probe alike, after a reroute, with loss and a shift of the delay. No Grafana takes part.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Namespace } from '../../lab/namespaces.ts';
import type { Scenario } from '../../lab/scenario.ts';
import { startTunLab } from '../../lab/tun.ts';
import { dashboardQueries, filledIn } from '../grafana-dashboards.ts';
import { encodeMmdb } from '../mmdb-writer.ts';
import {
  get,
  Output,
  projectPath,
  query,
  startHopscope,
  temporaryFolder,
  untilQuery,
  untilReady,
} from './servers.ts';

const MOVED = '198.18.1.1';
/** Its configuration expects another number of hops. */
const UNEXPECTED = '198.18.2.1';
const PROBED = '198.18.3.1';
/** Nothing is expected of it. */
const FREE = '198.18.4.1';
const ALL = [MOVED, UNEXPECTED, FREE, PROBED];

const SCENARIO = {
  name: 'dashboards',
  routers: Object.fromEntries(
    ['r1', 'r2', 'm1', 'm2', 'x1', 'x2', 'x3', 's1'].map((name, i) => [
      name,
      { v4: `100.64.${i}.1`, ...(name === 'm2' ? { link: { loss: 0.1 } } : {}) },
    ]),
  ),
  routes: {
    moved: { steps: ['r1', 'r2', 'm1', 'm2'] },
    still: { steps: ['r1', 's1'] },
    probed: { steps: ['r1', 'm1'] },
  },
  targets: [
    { prefix: MOVED, route: 'moved' },
    { prefix: UNEXPECTED, route: 'still' },
    { prefix: FREE, route: 'still' },
    { prefix: PROBED, route: 'probed' },
  ],
} as unknown as Scenario;

const CONFIG = `
defaults: { interval: 1s, wait: 300ms, module: all }
modules: { all: { protocol: icmp, queries: 2, mtu: true } }
targets:
  - { host: "${MOVED}", expectedHops: 5, labels: { site: paris } }
  - { host: "${UNEXPECTED}", expectedHops: 9 }
  - "${FREE}"
metrics: { hops: true }
enrich: { asn: asn.mmdb, reverseDns: false }
history: { path: hopscope.db }
push: { url: "http://127.0.0.1:9091", interval: 5s }
`;

/** With the configuration that we ship; only in a hurry. */
async function startPrometheus(namespace: Namespace, folder: string): Promise<void> {
  cpSync(projectPath('deploy/prometheus'), folder, { recursive: true });
  mkdirSync(join(folder, 'targets'), { recursive: true });
  writeFileSync(join(folder, 'targets/example.yml'), JSON.stringify([{ targets: [PROBED] }]));
  const hurried = readFileSync(join(folder, 'prometheus.yml'), 'utf8')
    .replaceAll(/(scrape|evaluation)_interval: 15s/g, '$1_interval: 1s')
    .replace('scrape_interval: 30s', 'scrape_interval: 2s')
    .replace('scrape_timeout: 10s', 'scrape_timeout: 2s');
  assert.equal(hurried.match(/: [12]s/g)?.length, 4);
  writeFileSync(join(folder, 'prometheus.yml'), hurried);
  const child = namespace.spawn(
    [
      'prometheus',
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      '--web.listen-address=127.0.0.1:9090',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  await untilReady(namespace, 'http://127.0.0.1:9090/-/ready', child, new Output(child));
}

async function startGateway(namespace: Namespace): Promise<void> {
  const child = namespace.spawn(
    ['prometheus-pushgateway', '--web.listen-address=127.0.0.1:9091', '--persistence.file='],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  await untilReady(namespace, 'http://127.0.0.1:9091/-/ready', child, new Output(child));
}

/** The target, or the targets, that the expression has data for; several are asked for where the dashboard is of many. */
async function hasData(namespace: Namespace, expression: string): Promise<boolean> {
  const choices = /target=~|instance=~"\$target/.test(expression) ? ['.*'] : ALL;
  for (const target of choices) {
    if ((await query(namespace, filledIn(expression, target))).length > 0) return true;
  }
  return false;
}

/** What the dashboard of one target links to, and what can be taken to another history. */
async function checkReports(namespace: Namespace, folder: string): Promise<void> {
  const url = `http://127.0.0.1:10434/api/v1/targets/${MOVED}`;
  const bundle = JSON.parse((await get(namespace, `${url}/bundle`)).body);
  assert.ok(bundle.changes.length > 0, JSON.stringify(bundle.summary));
  assert.equal(bundle.addresses['100.64.4.1'].asn, 64666);
  assert.match((await get(namespace, `${url}/bundle?format=html`)).body, /^<!doctype html>/);
  const results = join(folder, 'results.json');
  writeFileSync(results, (await get(namespace, `${url}/export/atlas`)).body);
  const other = join(folder, 'other.db');
  const { stdout, exitCode } = await namespace.run([
    projectPath('bin/hopscope'),
    ...['import', results, '--history.path', other],
  ]);
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /^198\.18\.1\.1\/icmp: \d{2,} runs, [2-9] paths?/);
}

describe('the Grafana dashboards', () => {
  it('ask for nothing that a real Prometheus cannot answer', async () => {
    await using lab = await startTunLab(SCENARIO, { seed: 5 });
    using folder = temporaryFolder();
    const { namespace } = lab;
    const asn = {
      '100.64.0.0/14': { autonomous_system_number: 64500 },
      '100.64.4.0/22': { autonomous_system_number: 64666 },
      '198.18.0.0/15': { autonomous_system_number: 64511 },
    };
    writeFileSync(join(folder.path, 'asn.mmdb'), encodeMmdb(asn));
    writeFileSync(join(folder.path, 'hopscope.yml'), CONFIG);
    await startGateway(namespace);
    await startHopscope(namespace, ['--config.file', join(folder.path, 'hopscope.yml')]);
    await startPrometheus(namespace, folder.path);
    const rounds = (count: number): Promise<unknown> =>
      untilQuery(
        namespace,
        `min(traceroute_duration_seconds_count) >= ${count}`,
        (result) => result.length > 0,
      );

    // As many as it takes to know what the delay is like before it shifts.
    await rounds(20);
    await lab.change({
      routes: {
        moved: { steps: ['r1', 'r2', 'x1', 'x2', 'm2'] },
        probed: { steps: ['r1', 'x1', 'x3', 'm1'] },
      },
      routers: { s1: { link: { delayMs: 40 } } },
    });
    await untilQuery(
      namespace,
      `sum(traceroute_path_changes_total{target="${MOVED}"}) > 0`,
      (result) => result.length > 0,
    );

    let waiting = dashboardQueries();
    assert.ok(waiting.length > 60);
    const giveUpAt = Date.now() + 120_000;
    while (waiting.length > 0 && Date.now() < giveUpAt) {
      const empty: typeof waiting = [];
      for (const asked of waiting) if (!(await hasData(namespace, asked.expression))) empty.push(asked);
      waiting = empty;
    }
    assert.deepEqual(
      waiting.map(({ where, expression }) => `${where}: ${expression}`),
      [],
      'these never returned anything',
    );

    const red = dashboardQueries().find(({ where }) => where === 'hopscope-target.json panel "Hops" B');
    assert.ok(red !== undefined);
    const [unexpected] = await query(namespace, filledIn(red.expression, UNEXPECTED));
    assert.equal(unexpected?.value, 3);
    const { status, body } = await get(namespace, `http://127.0.0.1:10434/api/graph/data?target=${MOVED}`);
    assert.equal(status, 200, body);
    const titles = JSON.parse(body).nodes.map(({ title }: { title: string }) => title);
    for (const address of ['100.64.2.1', '100.64.4.1', MOVED]) assert.ok(titles.includes(address), body);
    await checkReports(namespace, folder.path);
  });
});
