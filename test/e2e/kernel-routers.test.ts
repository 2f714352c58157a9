// hopscope over real Linux routers: a diamond that hashes ports, a firewall that drops UDP, routers that limit their
// ICMP errors. What holds for the simulator must hold for the kernel.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type KernelLab, startKernelLab } from '../../lab/kernel-lab.ts';
import { projectPath } from './servers.ts';

const NOBODY = 65_534;

interface Printed {
  readonly reached: boolean;
  readonly hopCount: number;
  readonly hops: readonly {
    readonly replies: readonly { readonly flow: number; readonly address: string }[];
  }[];
}

async function trace(lab: KernelLab, uid: number, ...args: readonly string[]): Promise<Printed> {
  const { stdout, stderr } = await lab.run(
    [process.execPath, projectPath('src/main.ts'), 'trace', ...args, '--output', 'json'],
    uid === 0 ? {} : { uid },
  );
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Printed;
}

/** What one flow saw, hop by hop. */
function pathOf(printed: Printed, flow: number): string[] {
  return printed.hops.map(({ replies }) => replies.find((reply) => reply.flow === flow)?.address ?? '*');
}

describe('hopscope trace over kernel routers', () => {
  it('keeps each flow on one path through a diamond, and finds both sides with many', async () => {
    await using lab = await startKernelLab({ routers: 3, diamond: { after: 1, width: 2 } });
    for (const uid of [0, NOBODY]) {
      for (const target of [lab.target4, lab.target6]) {
        const hops = target === lab.target4 ? lab.hops4 : lab.hops6;
        // The first probe over IPv6 waits for the neighbours to be found.
        await trace(lab, uid, target, '--protocol', 'udp');
        const args = [target, '--protocol', 'udp', '--flows', '16'];
        const once = await trace(lab, uid, ...args);
        const again = await trace(lab, uid, ...args);
        const sides = new Set<string>();
        for (let flow = 0; flow < 16; flow++) {
          const path = pathOf(once, flow);
          const later = pathOf(again, flow);
          for (const [i, address] of path.entries()) {
            // Linux limits the errors of a whole host too: silence says nothing of the path.
            if (address === '*') continue;
            assert.ok(hops[i]?.includes(address), `${address} cannot answer at hop ${i + 1}`);
            assert.ok([address, '*', undefined].includes(later[i]), `flow ${flow} leaves its path`);
            if (i === 1) sides.add(address);
          }
        }
        assert.equal(sides.size, 2, `both sides of the diamond towards ${target}`);
      }
    }
  });

  it('shows where a firewall drops UDP while ICMP and TCP pass', async () => {
    await using lab = await startKernelLab({ routers: 4, dropsUdp: 3 });
    for (const uid of [0, NOBODY]) {
      const udp = await trace(lab, uid, lab.target4, '--protocol', 'udp', '--timeout', '4s');
      assert.equal(udp.reached, false);
      assert.equal(udp.hops.findLastIndex(({ replies }) => replies.length > 0) + 1 <= 3, true);
      for (const protocol of ['icmp', 'tcp']) {
        const passed = await trace(lab, uid, lab.target4, '--protocol', protocol);
        assert.equal(passed.hopCount, lab.hops4.length, protocol);
      }
    }
  });

  it('finds the hop count where every router limits its errors', async () => {
    await using lab = await startKernelLab({ routers: 4, icmpRatelimitMs: 1000 });
    for (let i = 0; i < 3; i++) {
      const printed = await trace(lab, 0, lab.target4, '--flows', '4');
      assert.equal(printed.hopCount, lab.hops4.length);
    }
  });
});
