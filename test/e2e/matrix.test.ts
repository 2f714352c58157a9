// The lab's exact paths, for every combination of protocol, family and mode, as `hopscope trace` reports them from
// real sockets; unprivileged means another user without a single capability.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab } from '../../lab/tun.ts';
import { projectPath } from './servers.ts';

const NOBODY = 65_534;
const TARGETS = { 4: '198.18.0.1', 6: '2001:db8:1::1' } as const;

interface Printed {
  readonly reached: boolean;
  readonly hopCount: number;
  readonly mode: string;
  readonly pathId: string;
  readonly hops: readonly {
    readonly ttl: number;
    readonly sent: number;
    readonly replies: readonly { readonly address: string; readonly rttMs: number; readonly kind: string }[];
  }[];
}

/** Command line that runs the sources as any user: the launcher is for people. */
function hopscope(...args: readonly string[]): string[] {
  return [process.execPath, projectPath('src/main.ts'), ...args];
}

describe('hopscope trace in the lab', () => {
  it('reproduces the exact path for every protocol, family and mode', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    for (const family of [4, 6] as const) {
      const routers = Array.from({ length: 12 }, (_, i) =>
        family === 4 ? `100.64.0.${i + 1}` : `2001:db8::${(i + 1).toString(16)}`,
      );
      for (const protocol of ['icmp', 'udp', 'tcp']) {
        const ids = new Set<string>();
        for (const mode of ['raw', 'unprivileged']) {
          const what = `${protocol} over IPv${family}, ${mode}`;
          const { stdout, stderr, exitCode } = await lab.run(
            hopscope('trace', TARGETS[family], '--protocol', protocol, '--mode', mode, '--output', 'json'),
            mode === 'raw' ? {} : { uid: NOBODY },
          );
          assert.equal(exitCode, 0, `${what}: ${stderr}`);
          const trace = JSON.parse(stdout) as Printed;
          assert.equal(trace.mode, mode, what);
          assert.equal(trace.reached, true, what);
          assert.equal(trace.hopCount, 13, what);
          const addresses = trace.hops.map((hop) => hop.replies.map(({ address }) => address));
          assert.deepEqual(
            addresses,
            [...routers, TARGETS[family]].map((address) => [address]),
            what,
          );
          for (const [i, { replies }] of trace.hops.entries()) {
            // Every link takes one millisecond each way: an RTT below that would be a wrong stamp.
            const rttMs = replies[0]?.rttMs ?? 0;
            assert.ok(rttMs >= 2 * (i + 1) - 0.2, `${what}: hop ${i + 1} in ${rttMs} ms`);
          }
          ids.add(trace.pathId);
        }
        assert.equal(ids.size, 1, `${protocol} over IPv${family}: one path, one id`);
      }
    }
  });

  it('says in one sentence what is missing and how to get it, with status 3', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    const { stdout, stderr, exitCode } = await lab.run(hopscope('trace', TARGETS[4], '--mode', 'raw'), {
      uid: NOBODY,
    });
    assert.equal(exitCode, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /CAP_NET_RAW/);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  });
});
