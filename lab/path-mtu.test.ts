// The search for the path MTU over the simulated internet: what every scenario with a written MTU says, in every mode,
// family and protocol, and what a search must survive.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Mode, Protocol } from '../src/trace/network.ts';
import type { MtuReport, Trace, TraceRequest } from '../src/trace/trace.ts';
import type { Scenario } from './scenario.ts';
import { readScenario } from './scenario-file.ts';
import { parseScenario } from './scenario-schema.ts';
import type { VirtualNetworkOptions } from './virtual-network.ts';
import { VirtualHost } from './virtual-run.ts';

const FOLDER = join(import.meta.dirname, '../test/scenarios');
const PROTOCOLS: readonly Protocol[] = ['icmp', 'udp', 'tcp'];
const MODES: readonly Mode[] = ['raw', 'unprivileged'];
const TARGETS = ['198.18.0.1', '2001:db8:1::1'];

function trace(
  scenario: Scenario,
  overrides: Partial<TraceRequest> = {},
  options: Partial<VirtualNetworkOptions> = {},
): Trace {
  const protocol = overrides.protocol ?? 'icmp';
  return new VirtualHost({ scenario, seed: 1, ...options }).trace({
    target: 'test',
    address: '198.18.0.1',
    protocol,
    port: protocol === 'icmp' ? null : protocol === 'udp' ? 33_434 : 443,
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: 1,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: 10_000,
    waitMs: 1000,
    distanceHint: null,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    discoverMtu: true,
    ...overrides,
  });
}

function mtuOf(...parameters: Parameters<typeof trace>): MtuReport {
  const { mtu } = trace(...parameters);
  assert.notEqual(mtu, undefined);
  return mtu as MtuReport;
}

/** A chain of routers; `routers` and `links` override traits, by number of the router (in front of the link). */
function chain(
  length: number,
  routers: Readonly<Record<number, object>> = {},
  links: Readonly<Record<number, object>> = {},
  more: object = {},
): Scenario {
  const numbers = Array.from({ length }, (_, i) => i + 1);
  const name = (n: number): string => (n > length ? 'host' : `r${n}`);
  return parseScenario({
    name: 'chain',
    routers: Object.fromEntries(
      numbers.map((n) => [name(n), { v4: `100.64.0.${n}`, v6: `2001:db8::${n}`, ...routers[n] }]),
    ),
    links: numbers.map((n) => ({ from: name(n), to: name(n + 1), ...links[n] })),
    routes: { main: { steps: numbers.map(name) } },
    targets: TARGETS.map((prefix) => ({ prefix, route: 'main' })),
    ...more,
  });
}

describe('path MTU', () => {
  for (const file of readdirSync(FOLDER).sort()) {
    const scenario = readScenario(join(FOLDER, file));
    for (const written of scenario.truth?.paths ?? []) {
      if (written.mtu === undefined) continue;
      const { bytes, hop, address } = written.mtu;
      it(`is what scenario ${scenario.name} says of ${written.target}, in every mode and protocol`, () => {
        for (const mode of MODES) {
          for (const protocol of written.protocols ?? PROTOCOLS) {
            const mtu = mtuOf(scenario, { address: written.target, mode, protocol });
            const { steps: _, ...found } = mtu;
            assert.deepEqual(
              found,
              { bytes, hop, address, exact: true, interfaceBytes: 1500 },
              `${protocol} ${mode}`,
            );
          }
        }
      });
    }
  }

  it('is the interface’s in two probes more where nothing narrows it, one of which never leaves', () => {
    for (const address of TARGETS) {
      const without = trace(chain(4), { address, discoverMtu: false });
      const found = trace(chain(4), { address });
      assert.deepEqual(found.mtu, { bytes: 1500, hop: 0, address: null, exact: true, interfaceBytes: 1500 });
      assert.equal(found.probesSent, without.probesSent + 1);
      assert.deepEqual(found.hops, without.hops);
    }
  });

  it('names every router that said so, the widest link first', () => {
    const mtu = mtuOf(chain(6, {}, { 2: { mtu: 1480 }, 4: { mtu: 1400 } }));
    assert.deepEqual(mtu.steps, [{ bytes: 1480, hop: 2, address: '100.64.0.2' }]);
    assert.equal(mtu.hop, 4);
  });

  it('finds the hop of a router that answers no probe whose time is over, by sweeping the TTLs', () => {
    // Its quotes are of no use: their TTL is wrong.
    const scenario = chain(6, { 3: { v4: '100.64.9.9' } }, { 3: { mtu: 1400 } }, {});
    const silenced = parseScenario({
      ...scenario,
      routers: {
        ...scenario.routers,
        r3: { v4: '100.64.9.9', interfaces: [{ from: 'r2', v4: '100.64.8.8' }] },
      },
    });
    for (const mode of MODES) assert.equal(mtuOf(silenced, { mode }).hop, 3);
  });

  it('is found beside jumbo frames', () => {
    const options = { interfaceMtu: 9000, longestPacket: 9216 };
    assert.equal(mtuOf(chain(4, {}, { 2: { mtu: 8950 } }), {}, options).bytes, 8950);
    assert.equal(
      mtuOf(chain(4, { 2: { mtuBlackhole: true } }, { 2: { mtu: 4321 } }), {}, options).bytes,
      4321,
    );
  });

  it('is not taken for narrower because packets get lost', () => {
    const lossy = { defaults: { link: { loss: 0.02, replyLoss: 0.02 } } };
    for (let seed = 1; seed <= 60; seed++) {
      const mtu = mtuOf(chain(3, { 2: { mtuBlackhole: true } }, { 2: { mtu: 1400 } }, lossy), {}, { seed });
      assert.equal(mtu.bytes, 1400, `seed ${seed}`);
    }
  });

  it('is not taken for narrower because the destination limits its replies', () => {
    const limited = {
      targets: TARGETS.map((prefix) => ({
        prefix,
        route: 'main',
        host: { icmpLimit: { perSecond: 1, burst: 6 } },
      })),
    };
    const scenario = chain(4, { 2: { mtuBlackhole: true } }, { 2: { mtu: 1400 } }, limited);
    for (const timeoutMs of [5000, 60_000]) {
      const mtu = mtuOf(scenario, { protocol: 'udp', timeoutMs });
      assert.ok(mtu.bytes <= 1400 && mtu.bytes > 1000, `${mtu.bytes} in ${timeoutMs} ms`);
      assert.ok(!mtu.exact || mtu.bytes === 1400);
    }
  });

  it('is told as far as the last router where the destination is silent, and not called exact', () => {
    const silent = { targets: [{ prefix: '198.18.0.1', route: 'main', host: { icmp: 'silent' } }] };
    const mtu = mtuOf(chain(5, {}, { 3: { mtu: 1400 } }, silent));
    assert.equal(mtu.bytes, 1400);
    assert.equal(mtu.hop, 3);
    assert.equal(mtu.exact, false);
  });

  it('is found where the trace’s own packets were too long to arrive', () => {
    const own = { packetLength: 1500, dontFragment: true };
    const found = trace(chain(5, {}, { 3: { mtu: 1400 } }), own);
    assert.equal(found.end, 'unreachable');
    assert.equal(found.mtu?.bytes, 1400);
  });

  it('ends with the deadline, and tells what it knows', () => {
    const scenario = chain(5, { 4: { mtuBlackhole: true } }, { 2: { mtu: 1480 }, 4: { mtu: 1400 } });
    for (const timeoutMs of [100, 150, 200, 250, 300]) {
      const found = trace(scenario, { timeoutMs });
      assert.ok(found.durationMs <= timeoutMs, `${found.durationMs} of ${timeoutMs} ms`);
      assert.equal(found.end, 'reached');
      if (found.mtu !== undefined && found.mtu.bytes !== 1400) assert.equal(found.mtu.exact, false);
    }
  });

  it('is left out where nothing is known', () => {
    assert.equal(trace(chain(3), { discoverMtu: false }).mtu, undefined);
    const dark = { targets: [{ prefix: '198.18.0.1', route: 'main', host: { icmp: 'silent' } }] };
    const routers = { 1: { silent: true }, 2: { silent: true }, 3: { silent: true } };
    assert.equal(trace(chain(3, routers, {}, dark)).mtu, undefined);
  });

  it('is found with few probes, each in the flow that was traced', () => {
    const ports = new Set<string>();
    const observer = {
      probe: ({ view }: { view: { flowHash(mask: number): number } }) => ports.add(String(view.flowHash(7))),
    };
    for (const address of TARGETS) {
      for (const protocol of ['icmp', 'udp'] as const) {
        ports.clear();
        const scenario = chain(5, { 4: { mtuBlackhole: true } }, { 4: { mtu: 1400 } });
        const found = trace(scenario, { address, protocol }, { observer });
        assert.equal(ports.size, 1, `${protocol} to ${address}`);
        assert.ok(found.probesSent < 110, `${found.probesSent} probes`);
      }
    }
  });

  it('is right wherever it is called exact, and bounded, whatever routers say, hide and quote', () => {
    const router = fc.record({
      mtuBlackhole: fc.boolean(),
      reportedMtu: fc.option(fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.constant(0xffffffff)), {
        nil: undefined,
      }),
      silent: fc.constantFrom<boolean | Protocol[]>(false, false, false, true, ['udp']),
      quote: fc.constantFrom<'minimal' | 'full'>('minimal', 'full'),
      quotedTtl: fc.constantFrom(1, 1, 7, 255),
      returnHops: fc.integer({ min: 0, max: 4 }),
      aliases: fc.constantFrom(undefined, {
        v4: ['100.64.7.1', '100.64.7.2'],
        v6: ['2001:db8:7::1', '2001:db8:7::2'],
      }),
    });
    const link = fc.oneof(fc.constant(1500), fc.integer({ min: 68, max: 1500 }));
    const way = fc.record({
      protocol: fc.constantFrom(...PROTOCOLS),
      mode: fc.constantFrom(...MODES),
      address: fc.constantFrom(...TARGETS),
      seed: fc.integer({ min: 1, max: 1000 }),
      loss: fc.constantFrom(0, 0, 0.02),
    });
    fc.assert(
      fc.property(
        way,
        fc.array(fc.tuple(router, link), { minLength: 1, maxLength: 6 }),
        ({ seed, loss, ...request }, hops) => {
          const routers = hops.map(([traits], i) => [i + 1, JSON.parse(JSON.stringify(traits))]);
          const links = Object.fromEntries(hops.map(([, mtu], i) => [i + 1, { mtu }]));
          const more = { defaults: { link: { loss, replyLoss: loss } } };
          const scenario = chain(hops.length, Object.fromEntries(routers), links, more);
          const found = trace(scenario, { ...request, timeoutMs: 8000, waitMs: 300 }, { seed });
          const truth = Math.min(1500, ...hops.map(([, mtu]) => mtu));
          const least = request.address.includes(':') ? 1280 : 68;
          assert.ok(found.durationMs <= 8000 && found.probesSent <= 300, `${found.probesSent} probes`);
          const { mtu } = found;
          if (mtu === undefined) return;
          assert.ok(mtu.bytes >= least && mtu.bytes <= 1500, `${mtu.bytes}`);
          // Two tries of a packet can both get lost; a packet that arrived has arrived.
          if (mtu.exact && loss === 0) assert.equal(mtu.bytes, truth);
          if (mtu.exact) assert.ok(mtu.bytes <= Math.max(truth, least));
          assert.ok(mtu.hop <= hops.length + 1);
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });
});
