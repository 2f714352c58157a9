// The main job, end to end: a real Prometheus, started with the configuration that deploy/prometheus ships, scrapes
// real traces through the lab; PromQL returns the lab's true hop counts.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Scenario } from '../../lab/scenario.ts';
import { startTunLab } from '../../lab/tun.ts';
import {
  get,
  Output,
  projectPath,
  startHopscope,
  temporaryFolder,
  untilQuery,
  untilReady,
} from './servers.ts';

/** Targets at known distances. */
const DISTANCES = { '198.18.1.1': 5, '198.18.2.1': 9, '198.18.3.1': 14, '2001:db8:1::1': 7 } as const;

const SCENARIO: Scenario = {
  name: 'distances',
  routers: Object.fromEntries(
    Array.from({ length: 13 }, (_, i) => [
      `r${i + 1}`,
      { v4: `100.64.0.${i + 1}`, v6: `2001:db8:ffff::${i + 1}` },
    ]),
  ),
  routes: Object.fromEntries(
    Object.values(DISTANCES).map((hops) => [
      `d${hops}`,
      { steps: Array.from({ length: hops - 1 }, (_, i) => `r${i + 1}`) },
    ]),
  ),
  targets: Object.entries(DISTANCES).map(([address, hops]) => ({ prefix: address, route: `d${hops}` })),
} as unknown as Scenario;

function assertPromtoolAccepts(text: string, what: string): void {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  assert.equal(status, 0, `promtool check metrics refuses ${what}: ${stdout}${stderr}`);
}

describe('hopscope under a real Prometheus', () => {
  it('serves dynamic and static targets with true hop counts', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    writeFileSync(
      join(folder.path, 'hopscope.yml'),
      `defaults: { interval: 2s }\ntargets:\n${Object.keys(DISTANCES)
        .map((address) => `  - { host: "${address}", labels: { site: static } }\n`)
        .join('')}`,
    );
    const hopscope = await startHopscope(namespace, ['--config.file', join(folder.path, 'hopscope.yml')]);
    cpSync(projectPath('deploy/prometheus/prometheus.yml'), join(folder.path, 'prometheus.yml'));
    mkdirSync(join(folder.path, 'targets'));
    writeFileSync(
      join(folder.path, 'targets/test.yml'),
      JSON.stringify([{ targets: Object.keys(DISTANCES), labels: { site: 'dynamic' } }]),
    );
    const prometheus = namespace.spawn(
      [
        'prometheus',
        `--config.file=${folder.path}/prometheus.yml`,
        `--storage.tsdb.path=${folder.path}/data`,
        '--web.listen-address=127.0.0.1:9090',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    await untilReady(namespace, 'http://127.0.0.1:9090/-/ready', prometheus, new Output(prometheus));

    const expected = Object.entries(DISTANCES)
      .map(([address, hops]) => `${address} ${hops}`)
      .sort();
    const dynamic = await untilQuery(namespace, 'probe_traceroute_hops', (result) => result.length === 4);
    assert.deepEqual(dynamic.map(({ metric, value }) => `${metric['instance']} ${value}`).sort(), expected);
    const fixed = await untilQuery(
      namespace,
      'traceroute_hops{site="static"}',
      (result) => result.length === 4,
    );
    assert.deepEqual(fixed.map(({ metric, value }) => `${metric['target']} ${value}`).sort(), expected);
    const up = await untilQuery(namespace, 'up', (result) => result.length === 5);
    assert.deepEqual(new Set(up.map(({ value }) => value)), new Set([1]));
    const succeeded = await untilQuery(namespace, 'probe_success == 1', (result) => result.length === 4);
    assert.equal(succeeded.length, 4);

    const endpoints = ['/metrics', '/probe?target=198.18.2.1', '/probe?target=198.18.99.1&module=icmp'];
    for (const path of endpoints) {
      const { status, body } = await get(namespace, `http://127.0.0.1:10434${path}`);
      assert.equal(status, 200, body);
      assertPromtoolAccepts(body, path);
    }
    const exit = once(hopscope.child, 'exit');
    hopscope.child.kill('SIGTERM');
    assert.equal((await exit)[0], 0, hopscope.output.text);
  });
});
