// Multipath discovery with real sockets: over the simulated internet behind a TUN device, and over Linux routers.
// What one search finds is true; that it finds all has a chance of failure, so that is asked of several together.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type KernelLab, startKernelLab } from '../../lab/kernel-lab.ts';
import type { RunResult } from '../../lab/namespaces.ts';
import { readScenario } from '../../lab/scenario-file.ts';
import { graphOf } from '../../lab/truth.ts';
import { startTunLab } from '../../lab/tun.ts';
import type { Trace } from '../../src/trace/trace.ts';
import { projectPath } from './servers.ts';

const NOBODY = 65_534;
const TARGETS = { 4: '198.18.0.1', 6: '2001:db8:1::1' } as const;

interface Lab {
  run(
    argv: readonly string[],
    options?: { readonly uid?: number; readonly timeoutMs?: number },
  ): Promise<RunResult>;
}

async function search(lab: Lab, mode: string, ...args: readonly string[]): Promise<Trace> {
  const { stdout, stderr } = await lab.run(
    [
      process.execPath,
      projectPath('src/main.ts'),
      ...['trace', ...args, '--mode', mode, '--multipath', '99', '--flows', '4', '--output', 'json'],
    ],
    { timeoutMs: 120_000, ...(mode === 'raw' ? {} : { uid: NOBODY }) },
  );
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Trace;
}

function keys(trace: Pick<Trace, 'links'>): string[] {
  return trace.links.map(({ ttl, from, to }) => `${ttl} ${from} ${to}`);
}

describe('hopscope trace --multipath in the lab', () => {
  it('finds a diamond of widths 4, 4, 8 for every protocol, family and mode', async () => {
    const world = readScenario(projectPath('test/scenarios/diamond-unmeshed.json'));
    await using lab = await startTunLab(world);
    for (const family of [4, 6] as const) {
      const found = new Set<string>();
      const target = TARGETS[family];
      const truth = keys(graphOf(world, { target, protocol: 'icmp' }));
      for (const protocol of ['icmp', 'udp', 'tcp']) {
        for (const mode of ['raw', 'unprivileged']) {
          const what = `${protocol} over IPv${family}, ${mode}`;
          const trace = await search(lab, mode, target, '--protocol', protocol, '--timeout', '60s');
          assert.equal(trace.mode, mode, what);
          assert.equal(trace.multipath?.complete, true, `${what}: ${trace.multipath?.note}`);
          assert.deepEqual(trace.multipath?.perPacketTtls, [], what);
          for (const link of keys(trace)) {
            assert.ok(truth.includes(link), `${what}: ${link} is not there`);
            found.add(link);
          }
          assert.ok(keys(trace).length >= truth.length - 4, `${what}: ${trace.links.length} links`);
        }
      }
      assert.deepEqual([...found].sort(), truth.sort());
    }
  });

  it('marks the hop at which packets of one flow are spread', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/per-packet.json')));
    for (const mode of ['raw', 'unprivileged']) {
      const trace = await search(lab, mode, TARGETS[4]);
      assert.deepEqual(trace.multipath?.perPacketTtls, [3], mode);
    }
  });
});

describe('hopscope trace --multipath over kernel routers', () => {
  async function searchAll(
    lab: KernelLab,
    modes: readonly string[],
    targets: readonly string[],
    ...args: readonly string[]
  ): Promise<void> {
    for (const target of targets) {
      const hops = target === lab.target4 ? lab.hops4 : lab.hops6;
      const found = hops.map(() => new Set<string>());
      for (const mode of modes) {
        const trace = await search(lab, mode, target, '--protocol', 'udp', ...args);
        const what = `${target}, ${mode}: ${trace.multipath?.note ?? ''}`;
        assert.equal(trace.reached, true, what);
        assert.equal(trace.multipath?.complete, true, what);
        assert.equal(trace.multipath?.interfaces.length, hops.length, what);
        for (const [i, addresses] of (trace.multipath?.interfaces ?? []).entries()) {
          for (const address of addresses) {
            assert.ok(hops[i]?.includes(address), `${what}: ${address} cannot answer at hop ${i + 1}`);
            found[i]?.add(address);
          }
        }
      }
      assert.deepEqual(
        found.map((addresses) => [...addresses].sort()),
        hops.map((addresses) => addresses.toSorted()),
      );
    }
  }

  it('finds every side of a diamond that hashes ports', async () => {
    await using lab = await startKernelLab({ routers: 3, diamond: { after: 1, width: 4 } });
    const modes = ['raw', 'unprivileged', 'raw', 'unprivileged'];
    await searchAll(lab, modes, [lab.target4, lab.target6], '--timeout', '60s');
  });

  it('finds both sides where every router answers 6 times at once and then once a second', async () => {
    // One search leaves no answers to the next: each mode has routers of its own.
    for (const mode of ['raw', 'unprivileged']) {
      await using lab = await startKernelLab({
        routers: 2,
        diamond: { after: 1, width: 2 },
        icmpRatelimitMs: 1000,
      });
      const target = mode === 'raw' ? lab.target4 : lab.target6;
      await searchAll(lab, [mode], [target], '--timeout', '100s');
    }
  });
});
