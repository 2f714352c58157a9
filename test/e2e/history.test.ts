// The exporter with a history on disk, over the simulated internet: ended and started again, it knows what was.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Scenario } from '../../lab/scenario.ts';
import { readScenario } from '../../lab/scenario-file.ts';
import { createVirtualEngine } from '../../lab/virtual-engine.ts';
import type { RunningServer } from '../../src/cli/cli-io.ts';
import { DEFAULT_CONFIG_FILE } from '../../src/config/load.ts';
import { MemoryFileSystem } from '../../src/config/memory-file-system.ts';
import { systemClock } from '../../src/monitor/clock.ts';
import { serve } from '../../src/serve.ts';
import { projectPath, temporaryFolder } from './servers.ts';

const TARGET = '198.18.0.1';

interface Exporter {
  readonly server: RunningServer;
  readonly url: string;
  readonly log: string[];
}

const CHAIN = readScenario(projectPath('test/scenarios/chain.json'));

async function start(historyPath: string, scenario: Scenario = CHAIN): Promise<Exporter> {
  const log: string[] = [];
  const config = { defaults: { interval: '1s', flows: 2 }, targets: [{ host: TARGET }] };
  const server = await serve(
    {
      ...{ configFile: undefined, targets: [], listenAddresses: ['127.0.0.1:0'], webConfigFile: undefined },
      ...{ externalUrl: undefined, routePrefix: undefined, historyPath },
      ...{ logLevel: 'info', logFormat: 'logfmt', arguments: new Map() },
    },
    {
      version: '0',
      stderr: { write: (text) => void log.push(String(text)) },
      engine: createVirtualEngine({ scenario, seed: 1, clock: systemClock() }),
      fileSystem: new MemoryFileSystem({ [DEFAULT_CONFIG_FILE]: JSON.stringify(config) }),
    },
  );
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(log.join(''))?.[0];
  assert.ok(url !== undefined, log.join(''));
  return { server, url, log };
}

/** Resolves once the live feed has told of so many runs. */
async function runsTold(url: string, count: number): Promise<void> {
  const response = await fetch(`${url}api/v1/live`);
  assert.ok(response.body !== null);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split('event: run').length > count) return;
  }
  assert.fail(`the feed ended: ${text}`);
}

// biome-ignore lint/suspicious/noExplicitAny: the test reads what the API says.
async function json(url: string): Promise<any> {
  return (await fetch(url)).json();
}

test('hopscope serve --history.path goes on after a restart where it was', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'hopscope.db');
  const first = await start(path);
  await runsTold(first.url, 3);
  const { items: listed } = await json(`${first.url}api/v1/targets`);
  const key = encodeURIComponent(listed[0].key);
  const { items: before } = await json(`${first.url}api/v1/targets/${key}/runs`);
  assert.ok(before.length >= 3);
  assert.ok(before[0].reached && before[0].hops > 1);
  const metrics = await (await fetch(`${first.url}metrics`)).text();
  assert.match(metrics, /^hopscope_history_up 1$/m);
  assert.match(metrics, /^hopscope_history_dropped_runs_total 0$/m);
  await first.server.close();

  const database = new DatabaseSync(path, { readOnly: true });
  assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
  database.close();

  const second = await start(path);
  await runsTold(second.url, 2);
  const { items: after } = await json(`${second.url}api/v1/targets/${key}/runs`);
  const times = new Set(after.map(({ atMs }: { atMs: number }) => atMs));
  for (const { atMs } of before) assert.ok(times.has(atMs));
  assert.ok(after.length >= before.length + 2);
  const { history } = await json(`${second.url}api/v1/status`);
  assert.deepEqual(history, { enabled: true, healthy: true, message: null });
  await second.server.close();
});

test('hopscope serve knows its paths after a restart: a route that changed meanwhile is one reroute, and no other', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'hopscope.db');
  const first = await start(path);
  // The baseline is there.
  await runsTold(first.url, 8);
  const { items: before } = await json(`${first.url}api/v1/targets`);
  await first.server.close();

  // Nothing happened: the first run after a restart carries the same path id.
  const second = await start(path);
  await runsTold(second.url, 1);
  const { items: same } = await json(`${second.url}api/v1/targets`);
  assert.equal(same[0].pathId, before[0].pathId);
  assert.deepEqual((await json(`${second.url}api/v1/changes`)).items, []);
  await second.server.close();

  const routers = { ...CHAIN.routers };
  for (const n of [5, 6])
    routers[`r${n}`] = { ...routers[`r${n}`], v4: `100.64.9.${n}` } as Scenario['routers'][string];
  const third = await start(path, { ...CHAIN, routers });
  await runsTold(third.url, 3);
  const { items: changes } = await json(`${third.url}api/v1/changes`);
  assert.deepEqual(
    changes.map(({ kind, firstHop, beforePathId }: Record<string, unknown>) => ({
      kind,
      firstHop,
      beforePathId,
    })),
    [{ kind: 'reroute', firstHop: 5, beforePathId: before[0].pathId }],
  );
  await third.server.close();
});

test('hopscope serve traces and answers when its history cannot be used, and says why once', async () => {
  using folder = temporaryFolder();
  const { server, url, log } = await start(join(folder.path, 'missing/hopscope.db'));
  await runsTold(url, 2);
  const { history } = await json(`${url}api/v1/status`);
  assert.equal(history.healthy, false);
  assert.match(history.message, /there is no directory/);
  const metrics = await (await fetch(`${url}metrics`)).text();
  assert.match(metrics, /^hopscope_history_up 0$/m);
  assert.match(metrics, /^traceroute_success\{target="198\.18\.0\.1"\} 1$/m);
  const { items } = await json(`${url}api/v1/targets`);
  const { items: runs } = await json(`${url}api/v1/targets/${encodeURIComponent(items[0].key)}/runs`);
  assert.ok(runs.length >= 2);
  await server.close();
  const said = log.filter((line) => line.includes('Cannot use the history'));
  assert.equal(said.length, 1, log.join(''));
  assert.match(said[0] ?? '', /Tracing goes on without it/);
});
