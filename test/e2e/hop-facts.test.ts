// What hops tell and how long packets may be, over real sockets: behind a TUN device and over the kernel's own routers,
// as root with raw sockets and as a user without a single capability.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type KernelLabOptions, startKernelLab } from '../../lab/kernel-lab.ts';
import type { RunOptions, RunResult } from '../../lab/namespaces.ts';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab } from '../../lab/tun.ts';
import {
  natsOf,
  natText,
  returnDistance,
  trafficClassesOf,
  trafficClassText,
} from '../../src/path/hop-facts.ts';
import type { Mode, Protocol } from '../../src/trace/network.ts';
import type { Trace, TraceRequest } from '../../src/trace/trace.ts';
import type { RunOutput } from '../run-traces.ts';
import { projectPath } from './servers.ts';

const NOBODY = 65_534;
const TARGETS = ['198.18.0.1', '2001:db8:1::1'] as const;
const PORTS: Readonly<Record<Protocol, number | null>> = { icmp: null, udp: 33_434, tcp: 443 };

interface Way {
  readonly name: string;
  readonly address: string;
  readonly protocol: Protocol;
  readonly mode: Mode;
}

const WAYS: readonly Way[] = (['raw', 'unprivileged'] as const).flatMap((mode) =>
  TARGETS.flatMap((address) =>
    (['icmp', 'udp', 'tcp'] as const).map((protocol) => ({
      name: `${protocol} to ${address}, ${mode}`,
      address,
      protocol,
      mode,
    })),
  ),
);

interface Lab {
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** A trace for each way, in two processes: one with all privileges, one with none. */
async function traceAll(lab: Lab, more: Partial<TraceRequest>): Promise<(readonly [Way, Trace])[]> {
  const found: (readonly [Way, Trace])[] = [];
  for (const mode of ['raw', 'unprivileged'] as const) {
    const ways = WAYS.filter((way) => way.mode === mode);
    const requests = ways.map(({ address, protocol }) => ({
      address,
      protocol,
      port: PORTS[protocol],
      mode,
      ...more,
    }));
    const argv = [process.execPath, projectPath('test/run-traces.ts'), JSON.stringify(requests)];
    const { stdout, stderr } = await lab.run(argv, mode === 'raw' ? {} : { uid: NOBODY });
    assert.notEqual(stdout, '', stderr);
    const { results } = JSON.parse(stdout) as RunOutput;
    for (const [i, way] of ways.entries()) {
      const result = results[i] as RunOutput['results'][number];
      assert.ok(!('refused' in result), `${way.name}: ${JSON.stringify(result)}`);
      assert.equal(result.reached, true, way.name);
      found.push([way, result]);
    }
  }
  return found;
}

const isV4 = ({ address }: Way): boolean => !address.includes(':');

describe('facts about hops over real sockets', () => {
  it('are the label stacks and interfaces that routers send, in every mode, family and protocol', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/mpls.json')));
    for (const [way, trace] of await traceAll(lab, {})) {
      const stacks = trace.hops.map(({ replies }) =>
        replies[0]?.mpls?.map(({ label, bottom }) => [label, bottom]),
      );
      assert.deepEqual(
        stacks.slice(1, 6),
        [
          undefined,
          [[16_001, true]],
          [
            [16_002, false],
            [24_005, true],
          ],
          [[16_003, true]],
          undefined,
        ],
        way.name,
      );
      const { role, name, index, mtu } = trace.hops[5]?.replies[0]?.interfaces?.[0] ?? {};
      assert.deepEqual([role, name, index, mtu], ['incoming', 'xe-0/0/1', 517, 9000], way.name);
    }
  });

  it('are the translators between hops, and what became of the traffic class', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/nat-twice.json')));
    for (const [way, trace] of await traceAll(lab, {})) {
      // The kernel keeps the headers of UDP and TCP to itself.
      const seen = isV4(way) && (way.mode === 'raw' || way.protocol === 'icmp');
      const expected = seen ? ['NAT between hop 2 and 3', 'NAT between hop 5 and 6'] : [];
      assert.deepEqual(natsOf(trace).map(natText), expected, way.name);
    }
    await lab.replace(readScenario(projectPath('test/scenarios/traffic-class.json')));
    for (const [way, trace] of await traceAll(lab, { trafficClass: 0xba })) {
      const expected = [
        'DSCP 46 becomes 10 between hop 2 and 3',
        'ECN bleached between hop 4 and 5',
        'DSCP 10 becomes 0 between hop 6 and 7',
      ];
      const changes = trafficClassesOf(trace).map(trafficClassText);
      assert.deepEqual(changes, way.mode === 'raw' ? expected : [], way.name);
    }
  });

  it('are the hops back, where replies come another way', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/congestion.json')));
    for (const [way, trace] of await traceAll(lab, {})) {
      const asymmetries = trace.hops
        .slice(0, 6)
        .map(({ ttl, replies }) => returnDistance(ttl, replies[0]?.replyTtl)?.asymmetry);
      assert.deepEqual(asymmetries, [0, 0, 0, 3, 3, 3], way.name);
    }
  });
});

describe('trafficClass over real sockets', () => {
  it('leaves with the packets in every mode, family and protocol', async () => {
    await using lab = await startKernelLab({ routers: 2 });
    const rules = [
      'add table inet seen',
      'add chain inet seen forward { type filter hook forward priority 0 ; policy accept ; }',
      'add counter inet seen four',
      'add counter inet seen six',
      'add rule inet seen forward ip dscp 46 counter name four',
      'add rule inet seen forward ip6 dscp 46 counter name six',
    ];
    const router = lab.node('r1');
    const set = await router.run(['nft', '-f', '-'], { input: `${rules.join('\n')}\n` });
    assert.equal(set.exitCode, 0, set.stderr);
    const packets = async (name: string): Promise<number> => {
      const { stdout } = await router.run(['nft', 'reset', 'counter', 'inet', 'seen', name]);
      return Number(/packets (\d+)/.exec(stdout)?.[1]);
    };
    for (const { name, address, protocol, mode } of WAYS) {
      const request = { address, protocol, port: PORTS[protocol], mode, trafficClass: 46 << 2 };
      const argv = [process.execPath, projectPath('test/run-traces.ts'), JSON.stringify([request])];
      await lab.run(argv, mode === 'raw' ? {} : { uid: NOBODY });
      const counter = address.includes(':') ? 'six' : 'four';
      assert.ok((await packets(counter)) >= 2, name);
    }
  });
});

describe('path MTU over real sockets', () => {
  it('is what the lab’s scenarios say, in every mode, family and protocol', async () => {
    const names = ['mtu', 'mtu-steps', 'mtu-old-router', 'mtu-lies'];
    const [first] = names;
    await using lab = await startTunLab(readScenario(projectPath(`test/scenarios/${first}.json`)));
    for (const name of names) {
      const scenario = readScenario(projectPath(`test/scenarios/${name}.json`));
      await lab.replace(scenario);
      for (const [way, trace] of await traceAll(lab, { discoverMtu: true })) {
        const written = scenario.truth?.paths?.find(({ target }) => target === way.address)?.mtu;
        assert.notEqual(written, undefined);
        const { bytes, hop, address, exact, interfaceBytes } = trace.mtu ?? {};
        const found = { bytes, hop, address, exact, interfaceBytes };
        assert.deepEqual(found, { ...written, exact: true, interfaceBytes: 1500 }, `${name}: ${way.name}`);
      }
    }
  });

  const KERNEL: readonly {
    readonly name: string;
    readonly narrow: NonNullable<KernelLabOptions['narrow']>;
  }[] = [
    { name: 'the interface’s', narrow: [] },
    { name: 'narrowed by a router that says so', narrow: [{ after: 2, bytes: 1400 }] },
    { name: 'narrowed without a word', narrow: [{ after: 3, bytes: 1333, silent: true }] },
    {
      name: 'narrowed twice',
      narrow: [
        { after: 1, bytes: 1480 },
        { after: 3, bytes: 1420 },
      ],
    },
  ];
  for (const { name, narrow } of KERNEL) {
    it(`is that of Linux routers: ${name}`, async () => {
      await using lab = await startKernelLab({ routers: 4, narrow });
      const tightest = narrow.at(-1);
      const told = tightest !== undefined && tightest.silent !== true;
      // The second time the kernel remembers what the first has taught it.
      for (const round of [1, 2]) {
        for (const [way, trace] of await traceAll(lab, { discoverMtu: true })) {
          const hops = isV4(way) ? lab.hops4 : lab.hops6;
          const { bytes, hop, address, exact, interfaceBytes } = trace.mtu ?? {};
          assert.deepEqual(
            { bytes, hop, address, exact, interfaceBytes },
            {
              bytes: tightest?.bytes ?? 1500,
              hop: tightest?.after ?? 0,
              address: told ? hops[tightest.after - 1]?.[0] : null,
              exact: true,
              interfaceBytes: 1500,
            },
            `${way.name}, round ${round}`,
          );
        }
      }
    });
  }

  it('is bounded by the interface’s own MTU, whatever that is', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')), {
      mtu: 1350,
    });
    for (const [way, trace] of await traceAll(lab, { discoverMtu: true })) {
      assert.equal(trace.mtu?.bytes, 1350, way.name);
      assert.equal(trace.mtu?.hop, 0, way.name);
    }
  });
});
