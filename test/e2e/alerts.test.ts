// The alert that all of this is for: a real Prometheus with the rules that we ship and a real Alertmanager tell a webhook
// that the lab moved a route, and tell it of nothing else while balancers hash anew, replies get lost and routers limit
// theirs.

import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import type { Namespace } from '../../lab/namespaces.ts';
import type { Scenario } from '../../lab/scenario.ts';
import { startTunLab } from '../../lab/tun.ts';
import { encodeMmdb } from '../mmdb-writer.ts';
import { Output, projectPath, startHopscope, temporaryFolder, untilQuery, untilReady } from './servers.ts';

const MOVED = '198.18.1.1';
const REHASHED = '198.18.2.1';
const LOSSY = '198.18.3.1';
const LIMITED = '198.18.4.1';
const NUISANCES = [REHASHED, LOSSY, LIMITED];

const SCENARIO = {
  name: 'alerts',
  routers: {
    r1: { v4: '100.64.0.1' },
    r2: { v4: '100.64.0.2' },
    m1: { v4: '100.64.1.1' },
    m2: { v4: '100.64.1.2' },
    x1: { v4: '100.64.9.1' },
    x2: { v4: '100.64.9.2' },
    e0: { v4: '100.64.2.1' },
    ...Object.fromEntries([1, 2, 3, 4].map((i) => [`e${i}`, { v4: `100.64.2.1${i}` }])),
    l1: { v4: '100.64.3.1', link: { loss: 0.05 }, answerRate: 0.8 },
    l2: { v4: '100.64.3.2' },
    k1: { v4: '100.64.4.1', icmpLimit: { perSecond: 1, burst: 2 } },
    k2: { v4: '100.64.4.2', icmpLimit: { perSecond: 1, burst: 2 } },
  },
  routes: {
    moved: { steps: ['r1', 'r2', 'm1', 'm2'] },
    rehashed: { steps: ['r1', 'e0', ['e1', 'e2', 'e3', 'e4'], 'r2'] },
    lossy: { steps: ['r1', 'r2', 'l1', 'l2'] },
    limited: { steps: ['r1', 'r2', 'k1', 'k2'] },
  },
  targets: [
    { prefix: MOVED, route: 'moved' },
    { prefix: REHASHED, route: 'rehashed' },
    { prefix: LOSSY, route: 'lossy' },
    { prefix: LIMITED, route: 'limited' },
  ],
} as unknown as Scenario;

const DATABASE = encodeMmdb({
  '100.64.0.0/24': { autonomous_system_number: 64500 },
  '100.64.1.0/24': { autonomous_system_number: 64501 },
  '100.64.9.0/24': { autonomous_system_number: 64666 },
  '198.18.0.0/15': { autonomous_system_number: 64511 },
});

interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What Alertmanager delivered, in order. */
class Webhook {
  readonly alerts: Alert[] = [];
  #wake: () => void = () => {};

  take(line: string): void {
    this.alerts.push(...(JSON.parse(line) as { alerts: Alert[] }).alerts);
    this.#wake();
  }

  async until(wanted: (alert: Alert) => boolean, limitMs = 90_000): Promise<Alert> {
    const giveUp = setTimeout(() => this.#wake(), limitMs);
    try {
      for (const giveUpAt = Date.now() + limitMs; ; ) {
        const found = this.alerts.find(wanted);
        if (found !== undefined) return found;
        assert.ok(Date.now() < giveUpAt, `the alert never came; came: ${JSON.stringify(this.alerts)}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(giveUp);
    }
  }
}

async function startWebhook(namespace: Namespace): Promise<Webhook> {
  const webhook = new Webhook();
  const child = namespace.spawn([process.execPath, projectPath('test/webhook-process.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('The webhook has no output');
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => {
      if (line === 'ready') resolve();
      else webhook.take(line);
    });
  });
  return webhook;
}

async function startAlertmanager(namespace: Namespace, folder: string): Promise<void> {
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    `route: { receiver: test, group_by: [alertname, target], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: test, webhook_configs: [{ url: "http://127.0.0.1:9099/" }] }]
`,
  );
  const child = namespace.spawn(
    [
      'prometheus-alertmanager',
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/alertmanager`,
      '--cluster.listen-address=',
      '--web.listen-address=127.0.0.1:9093',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  await untilReady(namespace, 'http://127.0.0.1:9093/-/ready', child, new Output(child));
}

/** With the configuration and the rules that we ship; only in a hurry. */
async function startPrometheus(namespace: Namespace, folder: string): Promise<void> {
  cpSync(projectPath('deploy/prometheus'), folder, { recursive: true });
  const shipped = readFileSync(join(folder, 'prometheus.yml'), 'utf8');
  const hurried = shipped.replaceAll(/(scrape|evaluation)_interval: 15s/g, '$1_interval: 1s');
  assert.equal(hurried.match(/interval: 1s/g)?.length, 2);
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

/** Resolves when each of these targets has had so many rounds. */
function untilRounds(namespace: Namespace, targets: readonly string[], rounds: number): Promise<unknown> {
  const expression = `traceroute_duration_seconds_count{target=~"${targets.join('|')}"} >= ${rounds}`;
  return untilQuery(namespace, expression, (result) => result.length === targets.length);
}

describe('alerts on path changes', () => {
  it('reach a webhook when the route moves, and only then', async () => {
    await using lab = await startTunLab(SCENARIO, { seed: 11 });
    using folder = temporaryFolder();
    const { namespace } = lab;
    writeFileSync(join(folder.path, 'asn.mmdb'), DATABASE);
    writeFileSync(
      join(folder.path, 'hopscope.yml'),
      `defaults: { interval: 1s, wait: 300ms }
targets: [${[MOVED, ...NUISANCES].map((target) => `"${target}"`).join(', ')}]
enrich: { asn: asn.mmdb, reverseDns: false }
`,
    );
    const webhook = await startWebhook(namespace);
    await startAlertmanager(namespace, folder.path);
    await startHopscope(namespace, ['--config.file', join(folder.path, 'hopscope.yml')]);
    await startPrometheus(namespace, folder.path);

    // Nuisances first: what they may raise has time to.
    await untilRounds(namespace, [MOVED, ...NUISANCES], 8);
    for (let salt = 1; salt <= 3; salt++) {
      const flips = `traceroute_path_changes_total{target="${REHASHED}",kind="ecmp"}`;
      const [before] = await untilQuery(namespace, flips, (result) => result.length === 1);
      await lab.change({ routers: { e0: { hashSalt: salt } } });
      // A balancer may send the same flows the same way again; one that does is tried with another salt.
      const rounds = `traceroute_duration_seconds_count{target="${REHASHED}"}`;
      const [count] = await untilQuery(namespace, rounds, (result) => result.length === 1);
      await untilQuery(namespace, rounds, ([now]) => (now?.value ?? 0) >= (count?.value ?? 0) + 4);
      const [after] = await untilQuery(namespace, flips, (result) => result.length === 1);
      if ((after?.value ?? 0) > (before?.value ?? 0)) break;
    }
    const flips = await untilQuery(
      namespace,
      `traceroute_path_changes_total{target="${REHASHED}",kind="ecmp"} > 0`,
      () => true,
    );
    assert.equal(flips.length, 1, 'the balancer never hashed otherwise');
    assert.deepEqual(webhook.alerts, [], 'nothing has moved yet');

    await lab.change({ routes: { moved: { steps: ['r1', 'r2', 'x1', 'x2'] } } });
    const changed = await webhook.until(({ labels }) => labels['alertname'] === 'PathChanged');
    assert.equal(changed.status, 'firing');
    assert.equal(changed.labels['target'], MOVED);
    assert.equal(changed.labels['kind'], 'reroute');
    assert.equal(changed.labels['severity'], 'warning');
    assert.match(changed.annotations['summary'] ?? '', /^The route to 198\.18\.1\.1 changed \(reroute\)$/);
    assert.match(changed.annotations['runbook_url'] ?? '', /docs\/runbooks\/PathChanged\.md$/);
    const networks = await webhook.until(({ labels }) => labels['alertname'] === 'ASPathChanged');
    assert.equal(networks.labels['target'], MOVED);
    await untilQuery(namespace, `traceroute_path_info{target="${MOVED}"}`, (result) =>
      result.some(({ metric }) => metric['as_path'] === '64500 64666 64511'),
    );

    await untilRounds(namespace, NUISANCES, 25);
    // Rules are evaluated every second: what the last of those rounds raises, those after it give time to.
    await untilRounds(namespace, NUISANCES, 28);
    const others = webhook.alerts.filter(({ labels }) => labels['target'] !== MOVED);
    assert.deepEqual(others, []);
    const firing = await untilQuery(namespace, 'ALERTS{alertstate="firing"}', () => true);
    assert.deepEqual(firing.map(({ metric }) => `${metric['alertname']} ${metric['target']}`).sort(), [
      `ASPathChanged ${MOVED}`,
      `PathChanged ${MOVED}`,
    ]);
  });
});
