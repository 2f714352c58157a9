import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Mode, Protocol } from '../src/trace/network.ts';
import { type Trace, TraceRefusal, type TraceRequest } from '../src/trace/trace.ts';
import type { Scenario } from './scenario.ts';
import { readScenario } from './scenario-file.ts';
import { VirtualClock } from './virtual-clock.ts';
import { createVirtualEngine } from './virtual-engine.ts';
import { runVirtual, VirtualHost } from './virtual-run.ts';

const FOLDER = join(import.meta.dirname, '../test/scenarios');
const MODES: readonly Mode[] = ['raw', 'unprivileged'];
const PORTS: Readonly<Record<Protocol, number | null>> = { icmp: null, udp: 33_434, tcp: 443 };

function scenario(name: string): Scenario {
  return readScenario(join(FOLDER, `${name}.json`));
}

function request(protocol: Protocol, overrides: Partial<TraceRequest> = {}): TraceRequest {
  return {
    target: 'test',
    address: '198.18.0.1',
    protocol,
    port: PORTS[protocol],
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: 1,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: 30_000,
    waitMs: 1000,
    distanceHint: null,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    ...overrides,
  };
}

/** No hop shows what is not written for it. */
function assertWritten(
  trace: Trace,
  written: readonly (string | readonly string[] | null)[],
  end: string,
): void {
  for (const { ttl, replies } of trace.hops) {
    const allowed = [written[ttl - 1] ?? [], end].flat();
    for (const reply of replies) assert.ok(allowed.includes(reply.address), `hop ${ttl}: ${reply.address}`);
  }
}

const CERTAIN = new Set(readdirSync(FOLDER).map((file) => file.replace('.json', '')));
for (const name of ['lossy-link', 'unruly', 'many-targets']) CERTAIN.delete(name);

describe('VirtualHost', () => {
  for (const name of CERTAIN) {
    const set = scenario(name);
    for (const written of (set.truth?.paths ?? []).filter((path) => (path.atMs ?? 0) === 0)) {
      for (const mode of MODES) {
        it(`traces what is written of ${name}, ${written.target}, ${mode}`, () => {
          for (const protocol of written.protocols ?? (['icmp', 'udp', 'tcp'] as const)) {
            // An ordinary UDP socket is not handed a datagram from another address than it asked.
            if (written.endAddress !== undefined && written.end === 'reached' && mode !== 'raw') continue;
            const host = new VirtualHost({ scenario: set });
            const trace = host.trace(request(protocol, { address: written.target, mode }));
            assertWritten(trace, written.hops, written.endAddress ?? written.target);
            assert.equal(trace.reached, written.end === 'reached', `${protocol}: ${trace.end}`);
          }
        });
      }
    }
  }

  it('measures the delay that the simulator imposes, exactly', () => {
    const host = new VirtualHost({ scenario: scenario('chain') });
    const trace = host.trace(request('udp'));
    for (const { ttl, replies } of trace.hops) assert.equal(replies[0]?.rttMs, ttl * 2);
  });

  it('gives ordinary UDP sockets nothing of a 28-byte quote, and one probe at a time then', () => {
    const host = new VirtualHost({ scenario: scenario('short-quotes') });
    const trace = host.trace(request('udp', { mode: 'unprivileged' }));
    assert.equal(trace.hopCount, 9);
    assert.deepEqual(
      trace.hops.map(({ replies }) => replies[0]?.address),
      [...Array.from({ length: 8 }, (_, i) => `100.64.0.${i + 1}`), '198.18.0.1'],
    );
  });

  it('refuses a mode that the host does not have', () => {
    const host = new VirtualHost({ scenario: scenario('chain'), modes: ['unprivileged'] });
    assert.throws(() => host.trace(request('icmp')), TraceRefusal);
    assert.equal(host.trace(request('icmp', { mode: 'auto' })).mode, 'unprivileged');
  });
});

describe('runVirtual()', () => {
  it('runs traces side by side, each from its time on, and the same from the same seed', () => {
    const options = { scenario: scenario('many-targets'), seed: 5 };
    const runs = Array.from({ length: 300 }, (_, i) => ({
      request: request('icmp', { address: `198.18.${i % 256}.${1 + (i % 200)}` }),
      atMs: (i * 37) % 5000,
    }));
    const traces = runVirtual(options, runs);
    assert.equal(traces.length, 300);
    for (const [i, trace] of traces.entries()) assert.equal(trace.address, runs[i]?.request.address);
    assert.ok(traces.filter((trace) => trace.reached).length > 250);
    assert.deepEqual(runVirtual(options, runs), traces);
  });

  it('follows a route change at its time', () => {
    const one = request('icmp');
    const [before, after] = runVirtual({ scenario: scenario('route-change') }, [
      { request: one, atMs: 59_000 },
      { request: one, atMs: 60_000 },
    ]);
    assert.equal(before?.hops[3]?.replies[0]?.address, '100.64.0.4');
    assert.equal(after?.hops[3]?.replies[0]?.address, '100.64.0.50');
  });
});

describe('createVirtualEngine()', () => {
  it('traces on a virtual clock, and counts', async () => {
    const clock = new VirtualClock();
    await using engine = createVirtualEngine({ scenario: scenario('chain'), clock });
    const traces = await clock.runUntil(
      Promise.all(
        (['icmp', 'udp', 'tcp'] as const).map((protocol) =>
          engine.trace(request(protocol, { mode: 'auto' })),
        ),
      ),
    );
    assert.deepEqual(
      traces.map((trace) => trace.hopCount),
      [13, 13, 13],
    );
    const { probesSent, activeTraces } = engine.counters();
    assert.ok(probesSent.icmp >= 13 && probesSent.udp >= 13 && probesSent.tcp >= 13);
    assert.equal(activeTraces, 0);
    assert.equal(engine.channels().length, 6);
  });

  it('reports progress, ends a trace that is called off, refuses a bad request, and rejects all when closed', async () => {
    const clock = new VirtualClock();
    const slow = { ...scenario('silent-tail'), defaults: { link: { delayMs: 30 } } };
    const engine = createVirtualEngine({ scenario: slow, clock });
    const controller = new AbortController();
    let heard = 0;
    const called = engine.trace(request('icmp'), {
      signal: controller.signal,
      onProgress: (partial) => {
        heard = partial.hops.filter((hop) => hop.replies.length > 0).length;
      },
    });
    await clock.advance(250);
    assert.equal(heard, 4);
    controller.abort();
    assert.equal((await called).end, 'cancelled');
    await assert.rejects(engine.trace(request('icmp', { address: 'nowhere' })), TraceRefusal);
    const open = engine.trace(request('icmp'));
    const rejected = assert.rejects(open, (error: TraceRefusal) => error.code === 'closed');
    await engine[Symbol.asyncDispose]();
    await rejected;
    await assert.rejects(engine.trace(request('icmp')), TraceRefusal);
  });
});
