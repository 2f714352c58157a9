import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LoggedProbe, LoggedReply } from './probe-log.ts';
import { readScenario } from './scenario-file.ts';
import { graphOf } from './truth.ts';
import { startTunLab, type TunLab } from './tun.ts';

const scenario = (name: string) => readScenario(join(import.meta.dirname, `../test/scenarios/${name}.json`));
const TARGET = { 4: '198.18.0.1', 6: '2001:db8:1::1' } as const;

/** The first address on each line that begins with a hop number. */
function hops(output: string): (string | null)[] {
  const lines = output.split('\n').filter((line) => /^ *[0-9]+(\.\|--)? /.test(line));
  return lines.map((line) => /((?:[0-9]+\.){3}[0-9]+|[0-9a-f]+:[0-9a-f:]+)/.exec(line)?.[1] ?? null);
}

describe('startTunLab()', () => {
  let lab: TunLab;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hopscope-lab-'));
    lab = await startTunLab(scenario('chain'), { logFile: join(folder, 'probes.log') });
  });
  after(async () => {
    await lab[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const run = async (...argv: string[]): Promise<string> => {
    const { stdout, stderr, exitCode } = await lab.run(argv, { timeoutMs: 20_000 });
    assert.equal(exitCode, 0, `${argv.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };

  for (const family of [4, 6] as const) {
    const target = TARGET[family];
    const path = graphOf(scenario('chain'), { target, protocol: 'icmp' }).hops.map((hop) => hop[0] ?? null);

    it(`answers ping as the scenario says, IPv${family}`, async () => {
      const output = await run('ping', '-c', '3', '-i', '0.01', target);
      assert.match(output, /icmp_seq=3 ttl=52/);
      assert.match(output, /3 received/);
    });

    for (const [how, ...flags] of [['UDP'], ['ICMP', '-I'], ['TCP', '-T', '-p', '443']]) {
      it(`shows traceroute the scenario's path over ${how}, IPv${family}`, async () => {
        const output = await run('traceroute', `-${family}`, '-n', '-q', '1', ...flags, target);
        assert.deepEqual(hops(output), path);
      });
    }

    it(`shows mtr the scenario's path, IPv${family}`, async () => {
      const output = await run('mtr', `-${family}`, '-n', '-r', '-c', '1', '-i', '0.1', '-G', '0.3', target);
      assert.deepEqual(hops(output), path);
    });

    it(`shows scamper the scenario's path, IPv${family}`, async () => {
      const output = await run('scamper', '-I', `trace -P udp-paris ${target}`);
      assert.deepEqual(hops(output), path);
    });
  }

  it('answers programs without privileges', async () => {
    // The installed ping may carry a capability, which a process without any is not let run: its copy has none.
    const copy = join(folder, 'ping');
    chmodSync(folder, 0o755);
    await run('sh', '-c', `cp "$(command -v ping)" ${copy}`);
    const { stdout, stderr } = await lab.run([copy, '-c', '1', TARGET[4]], { uid: 65_534 });
    assert.match(stdout, /1 received/, stderr);
  });

  it('shows traceroute the MPLS labels of routers, whichever way they are laid out', async () => {
    await lab.replace(scenario('mpls'));
    const output = await run('traceroute', '-e', '-n', '-q', '1', TARGET[4]);
    assert.match(output, / 3 .*MPLS:L=16001,E=0,S=1,T=1/);
    assert.match(output, / 4 .*MPLS:L=16002,E=0,S=0,T=1\/L=24005,E=0,S=1,T=1/);
    assert.match(output, / 5 .*MPLS:L=16003,E=0,S=1,T=1/);
  });

  it('shows traceroute every router of a balanced layer over many ports, and no other', async () => {
    await lab.replace(scenario('diamond-meshed'));
    const { hops: layers } = graphOf(scenario('diamond-meshed'), { target: TARGET[4], protocol: 'udp' });
    const output = await run('traceroute', '-n', '-q', '10', '-f', '14', '-m', '18', TARGET[4]);
    for (const [i, line] of output.split('\n').slice(1, 6).entries()) {
      const seen = new Set(line.match(/(?:[0-9]+\.){3}[0-9]+/g) ?? []);
      for (const address of seen) assert.ok(layers[13 + i]?.includes(address), `${i + 14}: ${address}`);
      assert.equal(seen.size > 1, (layers[13 + i]?.length ?? 0) > 1, line);
    }
  });

  it('takes changes and goes to times while it runs', async () => {
    await lab.replace(scenario('route-change'));
    const traced = async (): Promise<(string | null)[]> =>
      hops(await run('traceroute', '-n', '-q', '1', '-w', '1', '-m', '9', TARGET[4]));
    assert.equal((await traced())[3], '100.64.0.4');
    await lab.seek(60_000);
    assert.equal((await traced())[3], '100.64.0.50');
    await lab.change({ routers: { r3: { v4: '100.64.0.99' } } });
    assert.equal((await traced())[2], '100.64.0.99');
    await assert.rejects(lab.change({ routers: { r3: { v4: 'nonsense' } } }), /not an IPv4 address/);
  });

  it('logs each probe with the delay imposed, and when the reply left', async () => {
    await lab.replace(scenario('chain'));
    await lab.status();
    const file = join(folder, 'probes.log');
    const already = readFileSync(file, 'utf8').length;
    await run('traceroute', '-n', '-q', '1', '-I', '-N', '1', TARGET[4]);
    await lab.status();
    const lines = readFileSync(file, 'utf8').slice(already).trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as LoggedProbe | LoggedReply);
    const probes = rows.filter((row): row is LoggedProbe => 'fate' in row);
    const left = new Map(rows.flatMap((row) => ('fate' in row ? [] : [[row.n, row.releasedAtNs] as const])));
    assert.equal(probes.length, 13);
    for (const [i, row] of probes.entries()) {
      assert.deepEqual(
        [row.fate, row.ttl, row.rttNs, row.destination],
        ['answered', i + 1, (i + 1) * 2e6, TARGET[4]],
      );
      assert.ok((left.get(row.n) ?? 0) >= row.atNs + row.rttNs);
    }
  });
});

describe('tun-process', () => {
  it('ends when its input does', async () => {
    const lab = await startTunLab(scenario('chain'));
    const { stdout: during } = await lab.run(['ip', '-br', 'link', 'show']);
    await lab[Symbol.asyncDispose]();
    assert.match(during, /hs0/);
    assert.notEqual((await lab.run(['true'])).exitCode, 0);
    await assert.rejects(lab.status(), /The lab ended/);
  });

  it('says what is wrong with a scenario', async () => {
    const bad = { ...scenario('chain'), targets: [{ prefix: '198.18.0.1', route: 'nowhere' }] };
    await assert.rejects(startTunLab(bad), /targets\[0\]\.route: no route "nowhere"/);
  });
});
