// deploy/compose, started as its README says, by one command: with podman-compose, in a network namespace of the test.
// hopscope's image is the real one. No registry can be reached: the others are stand-ins under the pinned names, made of
// Debian's Prometheus, Alertmanager, Pushgateway and node exporter; Grafana's only answers its health check.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { ContainerHost } from './container-host.ts';
import { get, projectPath, untilBody } from './servers.ts';

const host = await ContainerHost.start();
const { engine, namespace } = host;
const deploy = engine.path('deploy');
const stack = engine.path('deploy/compose');
const { services } = parse(readFileSync(projectPath('deploy/compose/compose.yml'), 'utf8'), {
  merge: true,
}) as {
  services: Record<string, { image: string; mem_limit: string }>;
};
const HOPSCOPE_IMAGE = /:-(.*)\}/.exec(services['hopscope']?.image ?? '')?.[1] ?? '';

/** Programs by service, and the user that the real image runs as. */
const STAND_INS: Readonly<Record<string, { readonly entrypoint: readonly string[]; readonly user: string }>> =
  {
    prometheus: { entrypoint: ['/usr/bin/prometheus'], user: '65534:65534' },
    alertmanager: { entrypoint: ['/usr/bin/prometheus-alertmanager'], user: '65534:65534' },
    pushgateway: { entrypoint: ['/usr/bin/prometheus-pushgateway'], user: '65534:65534' },
    'node-exporter': { entrypoint: ['/usr/bin/prometheus-node-exporter'], user: '65534:65534' },
    grafana: { entrypoint: ['/bin/httpd', '-f', '-p', '3000', '-h', '/www'], user: '472:0' },
  };

/** The machine's programs with the libraries that they load, and busybox for the health checks. */
function makeStandInRoot(root: string): void {
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  const programs = Object.values(STAND_INS).flatMap(({ entrypoint }) => entrypoint.slice(0, 1));
  const installed = [...programs.filter((program) => program.startsWith('/usr/bin/')), busybox];
  const libraries = installed.flatMap((program) => {
    const text = execFileSync('sh', ['-c', `ldd ${program} || true`], { encoding: 'utf8' });
    return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  });
  for (const path of new Set([...installed, ...libraries])) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  cpSync('/usr/share/prometheus', join(root, 'usr/share/prometheus'), { recursive: true });
  for (const folder of ['bin', 'tmp', 'www/api']) mkdirSync(join(root, folder), { recursive: true });
  for (const applet of ['sh', 'cat', 'grep', 'wget', 'httpd'])
    symlinkSync(busybox, join(root, 'bin', applet));
  writeFileSync(join(root, 'www/api/health'), '{}');
}

function makeStandIns(): void {
  const context = engine.path('stand-ins');
  makeStandInRoot(join(context, 'root'));
  mkdirSync(join(context, 'state'));
  const build = (image: string, lines: readonly string[]): void => {
    writeFileSync(join(context, 'Containerfile'), `${lines.join('\n')}\n`);
    const flags = ['--quiet', '--format', 'docker', '--isolation', 'chroot', '--pull=never'];
    engine.succeed('buildah', ['build', ...flags, '--tag', `localhost/${image}`, context]);
  };
  build('stand-in', [
    'FROM scratch',
    'COPY root/ /',
    ...['prometheus', 'alertmanager', 'pushgateway'].map(
      (name) => `COPY --chown=65534:65534 state/ /${name}/`,
    ),
    'COPY --chown=472:0 state/ /var/lib/grafana/',
  ]);
  for (const [service, { entrypoint, user }] of Object.entries(STAND_INS)) {
    const image = services[service]?.image ?? '';
    build(image, ['FROM localhost/stand-in', `USER ${user}`, `ENTRYPOINT ${JSON.stringify(entrypoint)}`]);
  }
}

/** Runs a script of the stack, to the end and with success. */
function script(name: string): string {
  return engine.succeed(join(stack, name), [], { env: { COMPOSE: 'podman-compose' }, timeoutMs: 240_000 });
}

describe('the stack of deploy/compose', () => {
  let login: string;

  /** An instant query to the stack's Prometheus, until `good` says yes of the body. */
  const untilQuery = (expression: string, good: RegExp): Promise<string> => {
    const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(expression)}`;
    return untilBody(async () => (await get(namespace, url, [login])).body, good, 90_000);
  };

  before(() => {
    for (const part of ['compose', 'prometheus', 'grafana', 'container'])
      cpSync(projectPath('deploy', part), join(deploy, part), {
        recursive: true,
        filter: (path) => !path.endsWith('/secrets'),
      });
    // Long intervals are for production.
    const config = join(stack, 'prometheus/prometheus.yml');
    writeFileSync(
      config,
      readFileSync(config, 'utf8')
        .replaceAll(/_interval: \d+s/g, '_interval: 2s')
        .replace('scrape_timeout: 10s', 'scrape_timeout: 2s'),
    );
    makeStandIns();
    // Debian's mirror is outside.
    const root = ['amd64', engine.path('context/amd64')];
    engine.succeed(projectPath('deploy/container/rootfs'), root, { outside: true, timeoutMs: 240_000 });
    engine.succeed(projectPath('deploy/container/build'), [HOPSCOPE_IMAGE], {
      env: { ARCHES: 'amd64' },
      timeoutMs: 240_000,
    });
  });

  after(async () => {
    engine.run(join(stack, 'stop'), [], { env: { COMPOSE: 'podman-compose' } });
    await host[Symbol.asyncDispose]();
  });

  it('is started by one command, which makes the secrets and returns when all services are healthy', () => {
    const said = script('start');
    assert.match(said, /^Everything is up:\n/m);
    const secrets = readdirSync(join(stack, 'secrets')).sort();
    assert.deepEqual(secrets, ['grafana-password', 'web-config.yml', 'web-password']);
    assert.equal(statSync(join(stack, 'secrets')).mode & 0o777, 0o700);
    const [grafana, web] = ['grafana-password', 'web-password'].map((name) =>
      readFileSync(join(stack, 'secrets', name), 'utf8'),
    );
    assert.match(web ?? '', /^[\w-]{32}$/);
    assert.notEqual(grafana, web);
    assert.ok(!said.includes(web ?? '') && !said.includes(grafana ?? ''));
    login = `Authorization: Basic ${Buffer.from(`hopscope:${web}`).toString('base64')}`;
  });

  it('runs every service as an ordinary user, read-only, without a capability, bounded, and healthy', () => {
    const ids = engine.succeed('podman', ['ps', '--quiet']).trim().split('\n');
    assert.equal(ids.length, Object.keys(services).length);
    const containers = JSON.parse(engine.succeed('podman', ['inspect', ...ids])) as {
      Name: string;
      State: { Running: boolean; Pid: number; Health: { Status: string } };
      EffectiveCaps: string[] | null;
      HostConfig: { ReadonlyRootfs: boolean; Memory: number; RestartPolicy: { Name: string } };
    }[];
    for (const { Name, State, EffectiveCaps, HostConfig } of containers) {
      assert.ok(State.Running, Name);
      assert.equal(State.Health.Status, 'healthy', Name);
      assert.deepEqual(EffectiveCaps ?? [], [], Name);
      assert.equal(HostConfig.ReadonlyRootfs, true, Name);
      assert.ok(HostConfig.Memory > 0, Name);
      assert.equal(HostConfig.RestartPolicy.Name, 'unless-stopped', Name);
      const status = readFileSync(`/proc/${State.Pid}/status`, 'utf8');
      assert.match(status, /^CapBnd:\t0+$/m, Name);
      assert.match(status, /^NoNewPrivs:\t1$/m, Name);
      assert.doesNotMatch(status, /^Uid:\t0\t/m, Name);
    }
  });

  it('lets nobody in without the password', async () => {
    for (const port of [10434, 9090, 9091, 9093]) {
      const url = `http://127.0.0.1:${port}/`;
      assert.equal((await get(namespace, url)).status, 401, url);
      assert.notEqual((await get(namespace, url, [login])).status, 401, url);
    }
  });

  it('scrapes all of itself; static and dynamic targets are reached by ICMP, history is written', async () => {
    const config = parse(readFileSync(join(stack, 'prometheus/prometheus.yml'), 'utf8')) as {
      scrape_configs: { job_name: string }[];
    };
    // The stand-in for Grafana has no metrics.
    const jobs = config.scrape_configs.map(({ job_name }) => job_name).filter((name) => name !== 'grafana');
    for (const job of jobs) await untilQuery(`count(up{job="${job}"} == 1)`, /"value":\[[\d.]+,"1"\]/);
    await untilQuery('traceroute_success{target="localhost",site="here"}', /"value":\[[\d.]+,"1"\]/);
    await untilQuery('probe_success{job="traceroute",instance="localhost"}', /"value":\[[\d.]+,"1"\]/);
    await untilQuery('hopscope_history_up', /"value":\[[\d.]+,"1"\]/);
    await untilQuery('node_memory_MemTotal_bytes', /"instance":"node-exporter:9100"/);
  });

  it('has the rules and the Alertmanager in force', async () => {
    const rules = await get(namespace, 'http://127.0.0.1:9090/api/v1/rules', [login]);
    for (const name of ['PathChanged', 'DataStale', 'target:traceroute_loss:ratio_rate5m'])
      assert.ok(rules.body.includes(`"name":"${name}"`), name);
    const alertmanagers = 'http://127.0.0.1:9090/api/v1/alertmanagers';
    await untilBody(
      async () => (await get(namespace, alertmanagers, [login])).body,
      /"activeAlertmanagers":\[\{"url":"http:\/\/alertmanager:9093/,
    );
    // Where Grafana is not scraped its alert has no rule, but what Prometheus tells arrives.
    const status = await get(namespace, 'http://127.0.0.1:9093/api/v2/status', [login]);
    assert.match(status.body, /DestinationUnreachable/);
  });

  it('takes what other hosts push, under their own instance', async () => {
    const { exitCode, stderr } = await namespace.run([
      ...[projectPath('bin/hopscope'), 'push', '--pushgateway', 'http://127.0.0.1:9091'],
      ...['--username', 'hopscope', '--password-file', join(stack, 'secrets/web-password'), '127.0.0.1'],
    ]);
    assert.equal(exitCode, 0, stderr);
    await untilQuery('traceroute_hops{job="traceroute",instance="127.0.0.1"}', /"value":\[[\d.]+,"1"\]/);
  });

  it('takes changes of its configuration without a restart', async () => {
    const file = join(stack, 'hopscope/hopscope.yml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('site: here', 'site: there'));
    script('reload');
    await untilQuery('traceroute_success{target="localhost",site="there"}', /"value":\[[\d.]+,"1"\]/);
  });
});
