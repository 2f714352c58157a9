// Multipath discovery over the simulated internet, packets and all, against the scenarios' own truth.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Mode, Protocol } from '../src/trace/network.ts';
import type { Link, Trace, TraceRequest } from '../src/trace/trace.ts';
import type { Change, RouterTraits, Scenario } from './scenario.ts';
import { readScenario } from './scenario-file.ts';
import { graphOf } from './truth.ts';
import { VirtualClock } from './virtual-clock.ts';
import { createVirtualEngine } from './virtual-engine.ts';
import { VirtualHost } from './virtual-run.ts';

const TARGET = '198.18.0.1';
const TARGET_6 = '2001:db8:1::1';
const PORTS: Readonly<Record<Protocol, number | null>> = { icmp: null, udp: 33_434, tcp: 443 };

function scenario(name: string): Scenario {
  return readScenario(join(import.meta.dirname, `../test/scenarios/${name}.json`));
}

function request(overrides: Partial<TraceRequest> = {}): TraceRequest {
  const protocol = overrides.protocol ?? 'icmp';
  return {
    target: 'test',
    address: TARGET,
    protocol,
    port: PORTS[protocol],
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: 4,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: 60_000,
    waitMs: 1000,
    distanceHint: null,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    multipath: 99,
    ...overrides,
  };
}

function discover(world: Scenario, overrides: Partial<TraceRequest> = {}, seed = 1): Trace {
  return new VirtualHost({ scenario: world, seed }).trace(request(overrides));
}

function keys(links: readonly Link[]): string[] {
  return links.map(({ ttl, from, to }) => `${ttl} ${from} ${to}`).sort();
}

/** Everything there is, and nothing else. */
function assertWhole(trace: Trace, world: Scenario, timeMs = 0): void {
  const truth = graphOf(world, { target: trace.address, protocol: trace.protocol }, timeMs);
  assert.equal(trace.multipath?.note, undefined);
  assert.equal(trace.multipath?.complete, true);
  assert.deepEqual(trace.multipath?.interfaces, truth.hops);
  assert.deepEqual(keys(trace.links), keys(truth.links));
}

/** Nothing that is not there. */
function assertNoneFalse(trace: Trace, ...worlds: readonly [Scenario, number][]): void {
  const links = new Set<string>();
  for (const [world, timeMs] of worlds) {
    const truth = graphOf(world, { target: trace.address, protocol: trace.protocol }, timeMs);
    for (const link of keys(truth.links)) links.add(link);
  }
  for (const link of keys(trace.links)) assert.ok(links.has(link), `${link} is not there`);
}

function withDefaults(world: Scenario, router: RouterTraits): Scenario {
  return { ...world, defaults: { ...world.defaults, router: { ...world.defaults?.router, ...router } } };
}

const DIAMONDS = ['diamond-unmeshed', 'diamond-meshed', 'diamond-nested', 'ecmp-rehash', 'chain'];

describe('multipath discovery', () => {
  for (const name of DIAMONDS) {
    it(`finds ${name} whole in every mode that has flows enough`, () => {
      const world = scenario(name);
      for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
        for (const mode of ['raw', 'unprivileged'] as const) {
          for (const address of [TARGET, TARGET_6]) {
            const trace = discover(world, { protocol, mode, address });
            assert.equal(trace.end, 'reached');
            if (name === 'diamond-meshed' && mode === 'unprivileged') {
              assert.match(
                trace.multipath?.note ?? '',
                /^after TTL 1[45] there are more ways than the 256 flows of .* in unprivileged mode can tell apart$/,
              );
              assertNoneFalse(trace, [world, 0]);
            } else assertWhole(trace, world);
          }
        }
      }
    });
  }

  it('adds nothing to the hops, the path and the probes of the fixed flows', () => {
    const world = scenario('diamond-meshed');
    const plain = discover(world, { multipath: null });
    const searched = discover(world);
    assert.deepEqual(searched.hops, plain.hops);
    assert.deepEqual(searched.flows, plain.flows);
    assert.equal(searched.probesSent, plain.probesSent);
    assert.ok((searched.multipath?.probesSent ?? 0) > 0);
    assert.equal(plain.multipath, undefined);
  });

  it('takes well under a second of round trips for widths 4, 4, 8 behind 13 hops of 40 ms', () => {
    const trace = discover(scenario('diamond-unmeshed'), { multipath: 95 });
    assert.ok(trace.durationMs < 3000, `${trace.durationMs} ms`);
  });

  it('marks TTLs at which packets are spread', () => {
    for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
      const world = scenario('per-packet');
      const trace = discover(world, { protocol });
      assert.deepEqual(trace.multipath?.perPacketTtls, [3]);
      assertWhole(trace, world);
    }
  });

  it('finds a diamond whole through 5 % reply loss', () => {
    const world = scenario('diamond-unmeshed');
    const links = [{ from: 'source', to: 'r1', replyLoss: 0.05 }];
    for (let seed = 1; seed <= 5; seed++) assertWhole(discover({ ...world, links }, {}, seed), world);
  });

  it('finds a diamond whole behind routers that answer 6 at once and 5 a second', () => {
    const world = withDefaults(scenario('ecmp-rehash'), { icmpLimit: { perSecond: 5, burst: 6 } });
    for (const multipath of [95, 99] as const) assertWhole(discover(world, { multipath }), world);
  });

  it('ends by the deadline where routers answer once a second, says why, and claims nothing false', () => {
    const world = withDefaults(scenario('diamond-meshed'), { icmpLimit: { perSecond: 1, burst: 6 } });
    const trace = discover(world, { timeoutMs: 10_000 });
    assert.equal(trace.end, 'reached');
    assert.ok(trace.durationMs <= 10_000);
    assert.equal(trace.multipath?.complete, false);
    assert.match(
      trace.multipath?.note ?? '',
      /^time ran out: the routers at TTL .* limit their replies; allow more time$/,
    );
    assertNoneFalse(trace, [world, 0]);
  });

  it('says that time ran out, and keeps what it has', () => {
    const world = scenario('diamond-meshed');
    const trace = discover(world, { timeoutMs: 300 });
    assert.equal(trace.end, 'reached');
    assert.equal(trace.multipath?.note, 'time ran out before every hop was searched; allow more time');
    assert.ok((trace.multipath?.interfaces.length ?? 0) > 13);
    assertNoneFalse(trace, [world, 0]);
  });

  it('goes on behind silent hops and up to a silent end', () => {
    const middle = discover(scenario('silent-middle'));
    assert.equal(middle.multipath?.complete, true);
    assert.deepEqual(
      middle.multipath?.interfaces.map((layer) => layer.length),
      [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1],
    );
    const tail = discover(scenario('silent-tail'));
    assert.equal(tail.end, 'silent');
    assert.equal(tail.multipath?.complete, true);
    assert.equal(tail.multipath?.interfaces.length, 6);
  });

  it('is bounded where a path loops, where one is one hop long, and where nobody answers at all', () => {
    const loop = discover(scenario('loop'));
    assert.equal(loop.end, 'max-ttl');
    assert.ok((loop.multipath?.probesSent ?? 0) < 300);
    const world = scenario('chain');
    const near = { ...world, routes: { main: { steps: [] } } };
    const short = discover(near);
    assert.deepEqual(short.multipath?.interfaces, [[TARGET]]);
    assert.equal(short.multipath?.complete, true);
    const dark = withDefaults(world, { silent: true });
    const nothing = discover({ ...dark, defaults: { ...dark.defaults, host: { icmp: 'silent' } } });
    assert.equal(nothing.end, 'silent');
    assert.equal(nothing.multipath, undefined);
  });

  it('begins at the first TTL asked for', () => {
    const world = scenario('diamond-unmeshed');
    const trace = discover(world, { firstTtl: 13 });
    const truth = graphOf(world, { target: TARGET, protocol: 'icmp' });
    assert.deepEqual(trace.multipath?.interfaces.slice(12), truth.hops.slice(12));
    assert.deepEqual(keys(trace.links), keys(truth.links.filter(({ ttl }) => ttl >= 13)));
  });

  it('walks one probe a flow at a time where routers quote too little for an ordinary socket', () => {
    const world = scenario('short-quotes');
    assertWhole(discover(world, { protocol: 'udp', mode: 'unprivileged' }), world);
  });
});

describe('multipath discovery while the route changes', () => {
  const world = scenario('diamond-unmeshed');
  const moved: Record<string, NonNullable<Scenario['routers'][string]>> = {};
  for (let set = 0; set < 5; set++) {
    for (let i = 1; i <= 4; i++) moved[`x${set}${i}`] = { v4: `100.64.${90 + set}.${i}` };
  }
  const before = world.routes['main']?.steps ?? [];
  const stepsOf = (set: number): Scenario['routes'][string]['steps'] =>
    before.map((step) =>
      Array.isArray(step) && step.length === 4 ? [1, 2, 3, 4].map((i) => `x${set}${i}`) : step,
    );

  function changed(...timesMs: readonly number[]): Scenario {
    const changes: Change[] = timesMs.map((atMs, i) => ({
      atMs,
      routes: { main: { steps: stepsOf(i % 5) } },
    }));
    return { ...world, routers: { ...world.routers, ...moved }, changes };
  }

  it('starts over once, and finds the new route whole', () => {
    let noticed = 0;
    for (let atMs = 60; atMs <= 400; atMs += 20) {
      const late = changed(atMs);
      const trace = discover(late, {}, atMs);
      if (trace.multipath?.changed === true) noticed++;
      assert.equal(trace.multipath?.complete, true);
      const old = trace.multipath?.changed !== true;
      const truth = graphOf(late, { target: TARGET, protocol: 'icmp' }, old ? 0 : 10_000);
      assert.deepEqual(trace.multipath?.interfaces, truth.hops, `change after ${atMs} ms`);
    }
    assert.ok(noticed >= 10, `${noticed} of 18`);
  });

  it('reports the fixed flows alone where the route does not come to rest', () => {
    const restless = changed(...Array.from({ length: 400 }, (_, i) => 150 + i * 260));
    const trace = discover(restless);
    assert.equal(trace.multipath?.complete, false);
    assert.equal(trace.multipath?.changed, true);
    assert.match(trace.multipath?.note ?? '', /^the route changed while it was being discovered/);
    const seen = trace.hops.map(({ replies }) => [...new Set(replies.map(({ address }) => address))].sort());
    assert.deepEqual(trace.multipath?.interfaces, seen.slice(0, trace.hopCount));
  });
});

describe('VirtualEngine with multipath discovery', () => {
  it('reports progress, and ends at once when it is cancelled', async () => {
    const clock = new VirtualClock();
    await using engine = createVirtualEngine({ scenario: scenario('diamond-meshed'), seed: 1, clock });
    const widths: number[] = [];
    const stop = new AbortController();
    const running = engine.trace(request(), {
      signal: stop.signal,
      onProgress: ({ multipath }) => {
        if (multipath !== undefined) widths.push(multipath.interfaces.flat().length);
      },
    });
    await clock.advance(400);
    assert.ok(widths.length > 2, 'progress while it searches');
    assert.deepEqual(
      widths,
      widths.toSorted((a, b) => a - b),
      'it grows',
    );
    stop.abort();
    const trace = await running;
    assert.equal(trace.end, 'cancelled');
    assert.equal(trace.multipath?.complete, false);
    assert.equal(engine.counters().activeTraces, 0);
  });

  it('lets several discoveries of one target run side by side', async () => {
    const clock = new VirtualClock();
    const world = scenario('diamond-unmeshed');
    await using engine = createVirtualEngine({ scenario: world, seed: 1, clock });
    const modes: readonly Mode[] = ['raw', 'raw', 'unprivileged'];
    const all = Promise.all(modes.map((mode) => engine.trace(request({ mode }))));
    await clock.advance(20_000);
    for (const trace of await all) assertWhole(trace, world);
  });
});
