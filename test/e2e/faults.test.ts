// Faults one by one, in the world of a running exporter that has no privilege: what is promised while one lasts, and that
// everything is as before once it is over, without a restart. docs/reliability.md says the same in words.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../lab/namespaces.ts';
import { startTunLab, type TunLab } from '../../lab/tun.ts';
import { parseLifeAccount, readRecorded } from '../soak/accounts.ts';
import { Agent } from '../soak/agent.ts';
import { Figures } from '../soak/exposition-figures.ts';
import { fillDisk, freeDisk } from '../soak/soak-faults.ts';
import { soakScenario, stormUrls } from '../soak/soak-world.ts';
import { Output, projectPath, startHopscope, temporaryFolder } from './servers.ts';

const NOBODY = 65_534;
const EXPORTER = 'http://127.0.0.1:10434';
const NUMERIC = Array.from({ length: 9 }, (_, i) => `198.18.1.${i + 1}`);
const NAMED = '198-18-2-1.soak.test';
const TARGETS = NUMERIC.length + 1;
const PATIENCE_MS = 40_000;

interface Stage {
  readonly lab: TunLab;
  readonly agent: Agent;
  readonly folder: string;
  readonly disk: string;
  readonly pid: number;
  readonly output: Output;
  figures(): Promise<Figures>;
}

interface Fault {
  readonly name: string;
  begin(stage: Stage): unknown;
  end(stage: Stage): unknown;
  /** Holds at some time while the fault lasts; `before` are the figures from before it. */
  during(now: Figures, before: Figures): boolean;
  /** Of the log, once and not each time. */
  says?: RegExp;
}

const failures = (reason: string): string => `hopscope_send_failures_total{reason="${reason}"}`;
const reached = (figures: Figures): number => figures.sum('traceroute_success');
const rose = (series: string) => (now: Figures, before: Figures) =>
  now.of(series) > (Number.isNaN(before.of(series)) ? 0 : before.of(series));
const named = `traceroute_failures_total{target="${NAMED}",kind="dns"}`;

function nameFault(name: string, mode: Parameters<Agent['names']>[0]): Fault {
  return {
    name: `a name server that ${name}: the named target fails as dns, the others go on`,
    begin: ({ agent }) => agent.names(mode),
    end: ({ agent }) => agent.names('ok'),
    during: (now, before) => rose(named)(now, before) && reached(now) === NUMERIC.length,
  };
}

/** And waits for what was put off. */
async function openDoor({ agent, output }: Stage): Promise<void> {
  const { door } = await agent.counts();
  await agent.door('ok');
  await until(async () => (await agent.counts()).door.accepted > door.accepted, 'a push', output);
}

function pushFault(name: string, mode: Parameters<Agent['door']>[0], reason: string, says: RegExp): Fault {
  return {
    name: `a Pushgateway that ${name}: counted as ${reason}, said once, tracing goes on`,
    begin: ({ agent }) => agent.door(mode),
    end: openDoor,
    during: (now, before) =>
      allReached(now) &&
      rose(`hopscope_push_failures_total{way="pushgateway",reason="${reason}"}`)(now, before),
    says,
  };
}

const FAULTS: readonly Fault[] = [
  {
    name: 'the route is gone: targets are unreached, each probe that cannot leave is counted as no-route',
    begin: ({ lab }) => lab.namespace.ip(['route del default dev hs0']),
    end: ({ lab }) => lab.namespace.ip(['route add default dev hs0']),
    during: (now, before) => rose(failures('no-route'))(now, before) && reached(now) === 0,
  },
  {
    name: 'the interface goes down and comes back: targets are unreached, probes that cannot leave are counted',
    begin: ({ lab }) => lab.namespace.ip(['link set hs0 down']),
    end: ({ lab }) => lab.namespace.ip(['link set hs0 up', 'route replace default dev hs0']),
    during: (now, before) =>
      now.sum('hopscope_send_failures_total') > before.sum('hopscope_send_failures_total') &&
      reached(now) === 0,
  },
  {
    name: 'a firewall forbids probes: they are counted as not-permitted',
    begin: ({ lab }) =>
      lab.run(['nft', '-f', '-'], {
        input: 'table inet f { chain o { type filter hook output priority 0; oif hs0 drop; }; }\n',
      }),
    end: ({ lab }) => lab.run(['nft', 'delete table inet f']),
    during: (now, before) => rose(failures('not-permitted'))(now, before) && reached(now) === 0,
  },
  {
    name: 'the interface has no room for what is sent: probes are counted as no-buffer or sent later, none is silent loss',
    begin: ({ lab }) =>
      lab.run([
        'tc',
        'qdisc',
        'add',
        'dev',
        'hs0',
        'root',
        'tbf',
        'rate',
        '8kbit',
        'burst',
        '100',
        'limit',
        '100',
      ]),
    end: ({ lab }) => lab.run(['tc', 'qdisc', 'del', 'dev', 'hs0', 'root']),
    during: (now, before) => rose(failures('no-buffer'))(now, before),
  },
  nameFault('never answers', 'silent'),
  nameFault('fails', 'servfail'),
  nameFault('knows no such name', 'no-such-name'),
  pushFault(
    'answers 400',
    'refused',
    'refused',
    /Pushing to the Pushgateway: more is refused, see hopscope_push_failures_total/g,
  ),
  pushFault('answers 503', 'unavailable', 'unavailable', /answered 503 \(maintenance\)/g),
  pushFault('cuts connections', 'reset', 'network', /the connection was cut \(ECONNRESET\)/g),
  pushFault(
    'never answers',
    'hang',
    'timeout',
    /no answer within 3 s; check that it is up, or raise timeout/g,
  ),
  {
    name: 'a Pushgateway that sends gigabytes: its status counts, the rest is cut off',
    begin: ({ agent }) => agent.door('flood'),
    end: openDoor,
    during: (now, before) => {
      const attempts = 'hopscope_push_attempts_total{way="pushgateway"}';
      const failed = 'hopscope_push_failures_total';
      return now.of(attempts) >= before.of(attempts) + 4 && now.sum(failed) <= before.sum(failed) + 4;
    },
  },
  {
    name: "the history's disk is full: said once, measuring goes on",
    begin: ({ disk }) => fillDisk(disk),
    end: ({ disk }) => freeDisk(disk),
    during: (now) => now.of('hopscope_history_up') === 0 && reached(now) === TARGETS,
    says: /the disk is full, or a limit on file sizes is reached; make room, and it goes on by itself/g,
  },
  {
    name: 'a target file is cut off half-way: said once with file and line, the targets stay',
    begin: ({ folder }) => writeFileSync(join(folder, 'targets', 'all.yml'), `- host: ${NAMED}\n- { hos`),
    end: ({ folder }) => writeTargets(folder),
    during: (now) => now.of('hopscope_targets') === TARGETS && reached(now) === TARGETS,
    says: /A target file is not usable: \S*all\.yml:\d+:\d+: /g,
  },
  {
    name: 'the configuration is gone when it is to be reloaded: the old one stays, the metric says so',
    begin: async ({ folder, agent }) => {
      renameSync(join(folder, 'hopscope.yml'), join(folder, 'elsewhere'));
      const { status, body } = await agent.fetch(`${EXPORTER}/-/reload`, 'POST');
      assert.ok(status >= 400 && /does not exist; check the path/.test(body), `${status} ${body}`);
    },
    end: async ({ folder, agent }) => {
      renameSync(join(folder, 'elsewhere'), join(folder, 'hopscope.yml'));
      assert.equal((await agent.fetch(`${EXPORTER}/-/reload`, 'POST')).status, 200);
    },
    during: (now) =>
      now.of('hopscope_config_last_reload_successful') === 0 && now.of('hopscope_targets') === TARGETS,
    says: /hopscope\.yml: cannot read the file: it does not exist/g,
  },
  {
    name: 'the configuration may not be read when it is to be reloaded: the old one stays, the metric says so',
    begin: async ({ folder, agent }) => {
      chmodSync(join(folder, 'hopscope.yml'), 0);
      const { status, body } = await agent.fetch(`${EXPORTER}/-/reload`, 'POST');
      assert.ok(status >= 400 && /permission denied/.test(body), `${status} ${body}`);
    },
    end: async ({ folder, agent }) => {
      chmodSync(join(folder, 'hopscope.yml'), 0o644);
      assert.equal((await agent.fetch(`${EXPORTER}/-/reload`, 'POST')).status, 200);
    },
    during: (now) => now.of('hopscope_config_last_reload_successful') === 0,
    says: /permission denied; let the user that runs hopscope read it/g,
  },
  {
    name: "the Pushgateway's password changes and may not be read: counted as setup, said once, tracing goes on",
    begin: ({ folder }) => {
      rmSync(join(folder, 'password'));
      writeFileSync(join(folder, 'password'), 'anders\n', { mode: 0 });
    },
    end: ({ folder }) => chmodSync(join(folder, 'password'), 0o644),
    during: rose('hopscope_push_failures_total{way="pushgateway",reason="setup"}'),
    says: /Cannot push: [^"]*password[^"]*"/g,
  },
  {
    name: 'no descriptor is left: what needs one fails, nothing crashes, scrapes come back',
    begin: async ({ pid, figures }) => {
      limitFiles(pid, 30);
      for (let i = 0; i < 30; i++) await figures();
    },
    end: ({ pid }) => limitFiles(pid, 1024),
    during: (now) => Number.isNaN(now.of('hopscope_targets')),
  },
];

/** Of a process of ours without privileges, the soft limit. */
function limitFiles(pid: number, most: number): void {
  const user = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
  const limit = ['prlimit', '--pid', String(pid), `--nofile=${most}:`];
  const { status, stderr } = spawnSync('setpriv', [...user, ...limit], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function writeTargets(folder: string): void {
  const hosts = [...NUMERIC, NAMED].map((host) => `- host: ${host}\n`);
  writeFileSync(join(folder, 'targets', 'all.yml'), hosts.join(''));
}

function configure(folder: string): string {
  mkdirSync(join(folder, 'targets'));
  writeTargets(folder);
  writeFileSync(join(folder, 'password'), 'geheim\n');
  const file = join(folder, 'hopscope.yml');
  const config = {
    defaults: { interval: '1s', flows: 1, timeout: '800ms', wait: '300ms' },
    targets: [{ file: 'targets/*.yml' }],
    probe: { allow: ['198.18.0.0/15'] },
    push: {
      url: 'http://127.0.0.1:9091',
      interval: '1s',
      timeout: '3s',
      username: 'x',
      passwordFile: 'password',
    },
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** A small file system of its own, that the exporter's user may write. */
function smallDisk(folder: string): Disposable & { readonly path: string } {
  const path = join(folder, 'disk');
  mkdirSync(path);
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  chownSync(path, NOBODY, NOBODY);
  return { path, [Symbol.dispose]: () => void spawnSync('umount', [path]) };
}

function nameServer({ name }: Namespace): Disposable {
  const folder = join('/etc/netns', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1\n');
  return { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

async function figuresOf(agent: Agent): Promise<Figures> {
  return new Figures((await agent.fetch(`${EXPORTER}/metrics`)).body);
}

/** Looks until it is so. */
async function until(ask: () => Promise<boolean> | boolean, what: string, output: Output): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (!(await ask())) {
    if (performance.now() > giveUpAt) assert.fail(`${what} never came to pass: ${output.text.slice(-3000)}`);
    await sleep(100);
  }
}

const allReached = (now: Figures): boolean => reached(now) === TARGETS;

describe('an exporter without privileges, while one thing after the other fails', () => {
  it('keeps what it promises for each fault, and is as before when it is over', async (context) => {
    using folder = temporaryFolder();
    chmodSync(folder.path, 0o755);
    using disk = smallDisk(folder.path);
    await using lab = await startTunLab(soakScenario());
    using _ = nameServer(lab.namespace);
    const agent = new Agent(lab.namespace);
    await agent.serve();
    lab.namespace.spawn(
      ['prometheus-pushgateway', '--web.listen-address=127.0.0.1:9092', '--persistence.file='],
      {
        stdio: 'ignore',
      },
    );
    while ((await agent.fetch('http://127.0.0.1:9092/-/ready')).status !== 200) await sleep(50);
    const file = configure(folder.path);
    const history = join(disk.path, 'history.db');
    const args = ['--config.file', file, '--history.path', history];
    const { child, output } = await startHopscope(lab.namespace, args, { uid: NOBODY });
    const figures = (): Promise<Figures> => figuresOf(agent);
    const stage: Stage = {
      lab,
      agent,
      folder: folder.path,
      disk: disk.path,
      pid: child.pid ?? 0,
      output,
      figures,
    };
    await until(async () => allReached(await figures()), 'reaching all', output);

    for (const fault of FAULTS) {
      await context.test(fault.name, async () => {
        const said = output.text.length;
        const before = await figures();
        await fault.begin(stage);
        await until(async () => fault.during(await figures(), before), 'the fault', output);
        const { says } = fault;
        if (says !== undefined)
          await until(() => output.text.slice(said).search(says) >= 0, 'the sentence', output);
        await fault.end(stage);
        await until(
          async () => {
            const now = await figures();
            return allReached(now) && now.of('hopscope_history_up') === 1;
          },
          'recovery',
          output,
        );
        if (says === undefined) return;
        const times = output.text.slice(said).match(says)?.length;
        assert.equal(times, 1, output.text.slice(said));
      });
    }

    const keys = NUMERIC.map((host) => `${host}/icmp`);
    const storm = agent.storm(stormUrls(EXPORTER, 200, keys, 1));
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exit, [0, null], output.text);
    await storm;
    const life = parseLifeAccount(output.text);
    assert.ok(life !== null, output.text);
    const { due, traced, failed, cancelled, late, running, recorded, dropped } = life;
    assert.equal(running, 0);
    assert.equal(due, traced + failed + cancelled + late);
    assert.deepEqual([recorded, dropped], [traced + failed, 0]);
    const { runs, integrity } = readRecorded(history);
    assert.deepEqual([runs, integrity], [recorded, 'ok']);
  });
});

describe('an exporter that is ended without warning', () => {
  it('loses no more than the last second of its history, and goes on where it was when it is started again', async () => {
    using folder = temporaryFolder();
    await using lab = await startTunLab(soakScenario());
    const agent = new Agent(lab.namespace);
    const history = join(folder.path, 'history.db');
    const args = [...NUMERIC, '--history.path', history, '--config.file', intervals(folder.path)];
    const first = await startHopscope(lab.namespace, args);
    const recorded = async (): Promise<number> => (await figuresOf(agent)).of('hopscope_history_runs_total');
    await until(async () => (await recorded()) >= 4 * NUMERIC.length, 'history', first.output);
    const before = await recorded();
    const exit = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await exit;
    const { runs, integrity } = readRecorded(history);
    assert.ok(runs >= before, `${runs} runs in the file, ${before} were said to be written`);
    assert.equal(integrity, 'ok');

    const second = await startHopscope(lab.namespace, args);
    await until(async () => (await recorded()) >= 2 * NUMERIC.length, 'history', second.output);
    assert.doesNotMatch(second.output.text, /level=error/);
    const ended = once(second.child, 'exit');
    second.child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    const life = parseLifeAccount(second.output.text);
    assert.equal(readRecorded(history).runs, runs + (life?.recorded ?? Number.NaN));
  });
});

describe('two exporters on one history', () => {
  it('the second says so once, measures all the same, and takes over when the first is gone', async () => {
    using folder = temporaryFolder();
    await using lab = await startTunLab(soakScenario());
    const agent = new Agent(lab.namespace);
    const history = join(folder.path, 'history.db');
    const args = [...NUMERIC, '--history.path', history, '--config.file', intervals(folder.path)];
    const first = await startHopscope(lab.namespace, args);
    const other = ['--web.listen-address', '127.0.0.1:10435'];
    const second = lab.namespace.spawn([projectPath('bin/hopscope'), 'serve', ...args, ...other], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = new Output(second);
    const figures = async (): Promise<Figures> =>
      new Figures((await agent.fetch('http://127.0.0.1:10435/metrics')).body);
    await until(async () => reached(await figures()) === NUMERIC.length, 'reaching all', output);
    assert.equal((await figures()).of('hopscope_history_up'), 0);
    const kept = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await kept;
    await until(async () => (await figures()).of('hopscope_history_up') === 1, 'taking over', output);
    const sentence =
      /another hopscope has it open; stop that one, or choose another file with --history.path/g;
    assert.equal(output.text.match(sentence)?.length, 1, output.text);
    const ended = once(second, 'exit');
    second.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    const life = parseLifeAccount(output.text);
    // What it measured while the file was the other's has been written too.
    assert.deepEqual([life?.recorded, life?.dropped], [(life?.traced ?? 0) + (life?.failed ?? 0), 0]);
  });
});

/** A configuration with no targets of its own, measuring every second. */
function intervals(folder: string): string {
  const file = join(folder, 'second.yml');
  writeFileSync(file, JSON.stringify({ defaults: { interval: '1s', flows: 1, timeout: '800ms' } }));
  return file;
}
