// An exporter that was given one capability, and one that was given all: what each thread still has when it serves.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab } from '../../lab/tun.ts';
import { get, Output, projectPath, untilReady } from './servers.ts';

const EXPORTER = 'http://127.0.0.1:10434';
const NET_RAW = 1n << 13n;
const NET_ADMIN = 1n << 12n;

interface Thread {
  readonly name: string;
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly ambient: bigint;
  readonly confined: boolean;
}

function threadsOf(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    const status = readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8');
    const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
    const set = (name: string): bigint => BigInt(`0x${field(name)}`);
    return {
      name: field('Name'),
      effective: set('CapEff'),
      permitted: set('CapPrm'),
      ambient: set('CapAmb'),
      confined: field('NoNewPrivs') === '1' && field('Seccomp') === '2',
    };
  });
}

const SERVE = [process.execPath, projectPath('src/main.ts'), 'serve'];

describe('hopscope serve with CAP_NET_RAW alone, as the systemd unit gives it', () => {
  it('traces with raw sockets, and no other thread than the probing one can use the capability', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    const { namespace } = lab;
    const caps = ['--inh-caps=-all,+net_raw', '--ambient-caps=-all,+net_raw', '--bounding-set=-all,+net_raw'];
    const child = namespace.spawn(
      ['setpriv', '--reuid=65532', '--regid=65532', '--clear-groups', ...caps, ...SERVE],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_COMPILE_CACHE: '' } },
    );
    const output = new Output(child);
    await untilReady(namespace, `${EXPORTER}/-/ready`, child, output);
    const probe = await get(namespace, `${EXPORTER}/probe?target=198.18.0.1&debug=true`);
    assert.match(probe.body, /raw/, probe.body);
    assert.match(probe.body, /^probe_traceroute_hops 13$/m);
    // `ip netns exec` and setpriv become what they start: the child is hopscope itself.
    const threads = threadsOf(child.pid as number);
    const engine = threads.filter(({ name }) => name === 'engine');
    const [main] = threads;
    assert.deepEqual(
      engine.map(({ effective, permitted }) => [effective, permitted]),
      [[NET_RAW, NET_RAW]],
    );
    assert.deepEqual([main?.effective, main?.permitted, main?.ambient], [0n, NET_RAW, 0n]);
    assert.deepEqual(
      threads.filter(({ confined }) => !confined),
      [],
    );
    for (const { permitted } of threads) assert.equal(permitted & ~NET_RAW, 0n);
    assert.doesNotMatch(output.text, /not filtered/);
  });
});

describe('hopscope serve as root', () => {
  it('keeps on its own threads what probes and files need, and filters calls on all', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    const { namespace } = lab;
    const child = namespace.spawn(SERVE, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = new Output(child);
    await untilReady(namespace, `${EXPORTER}/-/ready`, child, output);
    const threads = threadsOf(child.pid as number);
    const engine = threads.find(({ name }) => name === 'engine');
    assert.equal(engine?.permitted, NET_RAW | NET_ADMIN);
    assert.equal(threads[0]?.effective, 0b110n);
    assert.deepEqual(
      threads.filter(({ confined }) => !confined),
      [],
    );
    assert.match(output.text, /runs as root and needs no more than CAP_NET_RAW/);
    const probe = await get(namespace, `${EXPORTER}/probe?target=198.18.0.1&module=tcp`);
    assert.match(probe.body, /^probe_success 1$/m);
  });
});
