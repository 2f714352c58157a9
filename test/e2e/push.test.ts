// Pushing, end to end: the real Pushgateway scraped by a real Prometheus that honours labels; remote write into the real
// Prometheus and into VictoriaMetrics. What they hold is the lab's truth, and is gone when a target is.

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hashSync } from 'bcryptjs';
import type { Namespace } from '../../lab/namespaces.ts';
import type { Scenario } from '../../lab/scenario.ts';
import { startTunLab } from '../../lab/tun.ts';
import { Authority } from '../certificates.ts';
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
const DISTANCES = { '198.18.1.1': 5, '198.18.2.1': 9, '2001:db8:1::1': 7 } as const;
const GATEWAY = 'http://127.0.0.1:9091';
const VICTORIA = 'http://127.0.0.1:8428';

const SCENARIO: Scenario = {
  name: 'distances',
  routers: Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [
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

async function start(
  namespace: Namespace,
  argv: readonly string[],
  readyUrl: string,
): Promise<{ child: ChildProcess; output: Output }> {
  const child = namespace.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new Output(child);
  await untilReady(namespace, readyUrl, child, output);
  return { child, output };
}

function startGateway(namespace: Namespace, args: readonly string[] = []): ReturnType<typeof start> {
  // In memory alone: Debian's keeps a file, and would begin with what another run left in it.
  const argv = [
    'prometheus-pushgateway',
    '--web.listen-address=127.0.0.1:9091',
    '--persistence.file=',
    ...args,
  ];
  return start(namespace, argv, `${GATEWAY}/-/ready`);
}

function startPrometheus(namespace: Namespace, folder: string, config: string): ReturnType<typeof start> {
  writeFileSync(join(folder, 'prometheus.yml'), config);
  return start(
    namespace,
    [
      'prometheus',
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      '--web.listen-address=127.0.0.1:9090',
      '--web.enable-remote-write-receiver',
    ],
    'http://127.0.0.1:9090/-/ready',
  );
}

/** Writes a configuration with these targets and this `push`. */
function configure(folder: string, push: object, hosts: readonly string[] = Object.keys(DISTANCES)): string {
  const file = join(folder, 'hopscope.yml');
  const targets = hosts.map((host) => ({ host, labels: { site: 'lab' } }));
  writeFileSync(file, JSON.stringify({ defaults: { interval: '1s' }, targets, push }));
  return file;
}

async function ended(child: ChildProcess): Promise<number | null> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = (await exit) as [number | null];
  return code;
}

const EXPECTED = Object.entries(DISTANCES)
  .map(([host, hops]) => `${host} ${hops}`)
  .sort();

function byInstance(result: readonly { metric: Record<string, string>; value: number }[]): string[] {
  return result.map(({ metric, value }) => `${metric['instance']} ${value}`).sort();
}

/** Asks again until the answer is as wanted; the tests' own time limit ends it. */
async function until<T>(ask: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('pushing to a Pushgateway', () => {
  it('keeps one group a target, which Prometheus scrapes with honor_labels, and deletes it with the target', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    await startGateway(namespace);
    await startPrometheus(
      namespace,
      folder.path,
      `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: pushgateway
    honor_labels: true
    static_configs: [{ targets: ["127.0.0.1:9091"] }]
`,
    );
    const config = configure(folder.path, { url: GATEWAY, interval: '1s' });
    const hopscope = await startHopscope(namespace, ['--config.file', config]);
    const found = await untilQuery(namespace, 'traceroute_hops', (result) => result.length === 3);
    assert.deepEqual(byInstance(found), EXPECTED);
    assert.deepEqual(
      new Set(found.map(({ metric }) => `${metric['job']} ${metric['site']}`)),
      new Set(['traceroute lab']),
    );
    const one = await untilQuery(
      namespace,
      'traceroute_hops{instance="2001:db8:1::1"}',
      (result) => result.length === 1,
    );
    assert.equal(one[0]?.value, 7);
    // What a user alerts on: nothing is stale, and the Pushgateway itself found no fault.
    const expression =
      'time() - traceroute_push_timestamp_seconds > 3 * traceroute_push_interval_seconds or push_failure_time_seconds > 0';
    assert.deepEqual(await untilQuery(namespace, expression, (result) => result.length === 0), []);

    configure(folder.path, { url: GATEWAY, interval: '1s' }, ['198.18.1.1']);
    hopscope.child.kill('SIGHUP');
    const groups = async (): Promise<string> => (await get(namespace, `${GATEWAY}/metrics`)).body;
    const left = await until(groups, (body) => !body.includes('198.18.2.1'));
    assert.match(left, /traceroute_hops\{instance="198.18.1.1",job="traceroute"/);
    const { body } = await get(namespace, 'http://127.0.0.1:10434/metrics');
    assert.match(body, /^hopscope_push_failures_total\{way="pushgateway",reason="refused"\} 0$/m);
    assert.match(body, /^hopscope_push_last_success_timestamp_seconds\{way="pushgateway"\} 1\d{9}/m);
    const lint = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    assert.equal(lint.status, 0, lint.stdout + lint.stderr);

    assert.equal(await ended(hopscope.child), 0, hopscope.output.text);
    assert.doesNotMatch(await groups(), /198\.18|traceroute_hops\{/);
  });

  it('goes on when the Pushgateway comes back, with the values of then', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    const first = await startGateway(namespace);
    const config = configure(folder.path, { url: GATEWAY, interval: '1s' });
    const hopscope = await startHopscope(namespace, ['--config.file', config]);
    const text = async (): Promise<string> => (await get(namespace, `${GATEWAY}/metrics`)).body;
    await until(text, (body) => body.includes('traceroute_hops{'));
    await ended(first.child);
    await until(
      async () => hopscope.output.text,
      (log) => log.includes('nothing listens there'),
    );
    await startGateway(namespace);
    const back = await until(text, (body) => (body.match(/^traceroute_hops\{/gm) ?? []).length === 3);
    assert.match(back, /^traceroute_hops\{instance="198.18.2.1".*\} 9$/m);
    const own = await until(
      async () => (await get(namespace, 'http://127.0.0.1:10434/metrics')).body,
      (body) => /^hopscope_push_queue_length\{way="pushgateway"\} 0$/m.test(body),
    );
    assert.match(own, /^hopscope_push_failures_total\{way="pushgateway",reason="network"\} [1-9]/m);
    // One complaint an outage, not one a request.
    assert.equal(hopscope.output.text.match(/nothing listens there/g)?.length, 1);
    assert.match(hopscope.output.text, /Pushing to the Pushgateway works again/);
  });

  it('hopscope push traces and pushes once, for cron, with the exit status of the trace', async () => {
    await using lab = await startTunLab(SCENARIO);
    const { namespace } = lab;
    await startGateway(namespace);
    const push = (...args: readonly string[]) =>
      namespace.run([process.execPath, projectPath('src/main.ts'), 'push', ...args]);
    const good = await push('198.18.1.1', '2001:db8:1::1', '--pushgateway', GATEWAY, '--job', 'cron');
    assert.deepEqual([good.exitCode, good.stderr], [0, '']);
    const { body } = await get(namespace, `${GATEWAY}/metrics`);
    assert.match(body, /^traceroute_hops\{instance="198.18.1.1",job="cron",target="198.18.1.1"\} 5$/m);
    assert.match(body, /^traceroute_hops\{instance="2001:db8:1::1",job="cron",target="2001:db8:1::1"\} 7$/m);
    const silent = await push('198.18.99.1', '--pushgateway', GATEWAY, '--timeout', '2s');
    assert.equal(silent.exitCode, 1, silent.stderr);
    const after = await get(namespace, `${GATEWAY}/metrics`);
    assert.match(after.body, /^traceroute_success\{instance="198.18.99.1".*\} 0$/m);
    const nobody = await push('198.18.1.1', '--pushgateway', 'http://127.0.0.1:9', '--push-timeout', '1s');
    assert.equal(nobody.exitCode, 3);
    assert.match(nobody.stderr, /nothing listens there/);
  });
});

describe('pushing to a Pushgateway behind TLS and a password', () => {
  it('needs the authority and the password, and says which is wrong', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    const file = (name: string): string => join(folder.path, name);
    const ca = new Authority(folder.path, 'ca');
    const { cert, key } = ca.issue('gateway');
    writeFileSync(
      file('web.yml'),
      JSON.stringify({
        tls_server_config: { cert_file: cert, key_file: key },
        basic_auth_users: { hopscope: hashSync('geheim', 6) },
      }),
    );
    const child = namespace.spawn(
      [
        'prometheus-pushgateway',
        '--persistence.file=',
        '--web.listen-address=127.0.0.1:9091',
        `--web.config.file=${file('web.yml')}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const output = new Output(child);
    await until(
      async () => output.text,
      (text) => text.includes('Listening') || text.includes('listen_address'),
    );
    writeFileSync(file('password'), 'geheim\n');
    writeFileSync(file('wrong'), 'falsch\n');
    const push = (...args: readonly string[]) =>
      namespace.run([
        process.execPath,
        projectPath('src/main.ts'),
        'push',
        '198.18.1.1',
        '--pushgateway',
        'https://localhost:9091',
        '--push-timeout',
        '1s',
        ...args,
      ]);
    const login = ['--username', 'hopscope', '--password-file', file('password')];
    const good = await push('--ca-file', ca.cert, ...login);
    assert.deepEqual([good.exitCode, good.stderr], [0, '']);
    const stranger = await push(...login);
    assert.equal(stranger.exitCode, 3);
    assert.match(stranger.stderr, /an authority that is not trusted/);
    const wrong = await push(
      '--ca-file',
      ca.cert,
      '--username',
      'hopscope',
      '--password-file',
      file('wrong'),
    );
    assert.equal(wrong.exitCode, 3);
    assert.match(wrong.stderr, /answered 401.*check username, passwordFile/);
  });
});

describe('pushing by remote write', () => {
  it('fills Prometheus, and ends the series of a target that goes', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    await startPrometheus(namespace, folder.path, 'global: { scrape_interval: 1m }\n');
    const push = {
      remoteWrite: {
        url: 'http://127.0.0.1:9090/api/v1/write',
        interval: '1s',
        instance: 'probe-1',
        labels: { region: 'eu' },
      },
    };
    const config = configure(folder.path, push);
    const hopscope = await startHopscope(namespace, ['--config.file', config]);
    const found = await untilQuery(
      namespace,
      'traceroute_hops{region="eu"}',
      (result) => result.length === 3,
    );
    assert.deepEqual(byInstance(found), EXPECTED);
    const own = await untilQuery(
      namespace,
      'hopscope_targets{job="traceroute",instance="probe-1"}',
      (result) => result.length === 1,
    );
    assert.equal(own[0]?.value, 3);
    const quantile = 'histogram_quantile(0.5, sum by (le, instance) (traceroute_rtt_seconds_bucket))';
    assert.equal((await untilQuery(namespace, quantile, (result) => result.length === 3)).length, 3);

    configure(folder.path, push, ['198.18.1.1']);
    hopscope.child.kill('SIGHUP');
    // Without a stale marker they would be there for another five minutes.
    const left = await untilQuery(namespace, 'traceroute_hops', (result) => result.length === 1, 30_000);
    assert.deepEqual(byInstance(left), ['198.18.1.1 5']);
    const { body } = await get(namespace, 'http://127.0.0.1:10434/metrics');
    assert.match(body, /^hopscope_push_samples_total [1-9]\d+$/m);
    assert.match(body, /^hopscope_push_failures_total\{way="remote_write",reason="refused"\} 0$/m);
    assert.equal(await ended(hopscope.child), 0, hopscope.output.text);
    await untilQuery(namespace, '{job="traceroute"}', (result) => result.length === 0, 30_000);
  });

  it('fills in what was measured while the receiver was away', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    const push = { remoteWrite: { url: 'http://127.0.0.1:9090/api/v1/write', interval: '1s' } };
    const config = configure(folder.path, push);
    const hopscope = await startHopscope(namespace, ['--config.file', config]);
    await until(
      async () => (await get(namespace, 'http://127.0.0.1:10434/metrics')).body,
      (body) => Number(/^hopscope_push_queue_length\{way="remote_write"\} (\d+)$/m.exec(body)?.[1]) >= 3,
    );
    await startPrometheus(namespace, folder.path, 'global: { scrape_interval: 1m }\n');
    await untilQuery(
      namespace,
      'count_over_time(hopscope_targets[5m]) >= 5',
      (result) => result.length === 1,
    );
    const { body } = await get(namespace, 'http://127.0.0.1:10434/metrics');
    for (const reason of ['refused', 'queue_full', 'too_old'])
      assert.match(body, new RegExp(`^hopscope_push_samples_dropped_total\\{reason="${reason}"\\} 0$`, 'm'));
    assert.match(hopscope.output.text, /Pushing by remote write works again/);
  });

  it('fills VictoriaMetrics too', async () => {
    await using lab = await startTunLab(SCENARIO);
    using folder = temporaryFolder();
    const { namespace } = lab;
    await start(
      namespace,
      [
        'victoria-metrics',
        '-httpListenAddr=127.0.0.1:8428',
        `-storageDataPath=${folder.path}/victoria`,
        '-search.latencyOffset=0s',
        '-retentionPeriod=1',
      ],
      `${VICTORIA}/health`,
    );
    const push = { remoteWrite: { url: `${VICTORIA}/api/v1/write`, interval: '1s' } };
    const config = configure(folder.path, push);
    await startHopscope(namespace, ['--config.file', config]);
    const ask = async (): Promise<string[]> => {
      const { body } = await get(namespace, `${VICTORIA}/api/v1/query?query=traceroute_hops`);
      const { data } = JSON.parse(body) as {
        data: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      return data.result.map(({ metric, value }) => `${metric['instance']} ${value[1]}`).sort();
    };
    assert.deepEqual(await until(ask, (result) => result.length === 3), EXPECTED);
  });
});
