import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../wire/address.ts';
import type {
  Mode,
  PacketNetwork,
  Probe,
  ProbeChannel,
  ProbeEvents,
  Protocol,
  Reply,
  SendFailure,
} from './network.ts';
import { PROOF } from './network.ts';
import { newReply } from './reply-decoder.ts';
import { TimerHeap } from './timer-heap.ts';
import type { Trace, TraceRequest } from './trace.ts';
import { Tracer } from './tracer.ts';

const MS = 1e6;

/** What the path does with a probe: who answers when; undefined for silence. */
type Behaviour = (
  probe: Probe,
  count: number,
) =>
  | { from: string; rttMs: number; kind?: Reply['kind']; code?: number; times?: number; short?: boolean }
  | undefined;

/** A path that is a function of the probe, under virtual time. */
class FakeNetwork implements PacketNetwork {
  nowNs = 0;
  readonly probes: { ttl: number; flow: number; atNs: number; destination: string }[] = [];
  readonly heard = new TimerHeap<(events: ProbeEvents) => void>();
  inFlightPerFlow: number = Number.POSITIVE_INFINITY;
  failure: SendFailure | undefined;
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  channel(protocol: Protocol, family: 4 | 6, mode: Mode): ProbeChannel {
    const send = (probe: Probe): void => this.#send(protocol, mode, probe);
    return {
      protocol,
      family,
      mode,
      inFlightPerFlow: this.inFlightPerFlow,
      minimumProof: PROOF.sequence,
      maxFlows: 64,
      send,
    };
  }

  #send(protocol: Protocol, mode: Mode, probe: Probe): void {
    const { handle, ttl, flow, sequence, destinationPort } = probe;
    const sentAtNs = this.nowNs;
    this.probes.push({ ttl, flow, atNs: sentAtNs, destination: formatAddress(probe.destination) });
    const { failure } = this;
    if (failure !== undefined) {
      this.#later(sentAtNs, (events) => events.sendFailed(handle, failure, 'Cannot send: test', 0));
      return;
    }
    this.#later(sentAtNs, (events) => events.sent(handle, sentAtNs));
    const answer = this.#behaviour(probe, this.probes.length);
    if (answer === undefined) return;
    const destination = probe.destination.slice();
    for (let i = 0; i < (answer.times ?? 1); i++) {
      const atNs = sentAtNs + answer.rttMs * MS + i;
      this.#later(atNs, (events) => {
        const reply = newReply();
        reply.protocol = protocol;
        reply.mode = mode;
        reply.destination = destination;
        reply.destinationPort = destinationPort;
        reply.flow = flow;
        reply.sequence = answer.short === true ? -1 : sequence;
        reply.kind = answer.kind ?? 'time-exceeded';
        reply.code = answer.code ?? 0;
        reply.responder = parseAddress(answer.from) as Uint8Array;
        reply.receivedAtNs = atNs;
        events.reply(reply);
      });
    }
  }

  #later(atNs: number, deliver: (events: ProbeEvents) => void): void {
    this.heard.push(atNs, deliver);
  }
}

function request(overrides: Partial<TraceRequest> = {}): TraceRequest {
  return {
    target: 'test',
    address: '198.18.0.1',
    protocol: 'icmp',
    port: null,
    mode: 'auto',
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
    ...overrides,
  };
}

/** Runs every request to its end and returns the traces in the order of the requests. */
function run(network: FakeNetwork, requests: readonly TraceRequest[]): Trace[] {
  const traces: Trace[] = [];
  const tracer = new Tracer({
    network,
    secret: new Uint8Array(16).fill(7),
    onDone: (id, trace) => {
      traces[id - 1] = trace;
    },
  });
  for (const one of requests) assert.equal(typeof tracer.start(one, network.nowNs, 0), 'number');
  for (let i = 0; i < 200_000 && tracer.active > 0; i++) {
    const heardAt = network.heard.peek();
    const wake = tracer.nextWakeNs();
    network.nowNs = Math.max(network.nowNs, Math.min(heardAt, wake));
    if (heardAt <= wake) network.heard.pop()?.(tracer);
    tracer.advance(network.nowNs);
  }
  assert.equal(tracer.active, 0, 'every trace ends');
  return traces;
}

/** A chain of `length` hops, `rttMs` each TTL. */
function chain(length: number, rttMs = 10): Behaviour {
  return ({ ttl, destination }) =>
    ttl >= length
      ? { from: formatAddress(destination), rttMs: rttMs * length, kind: 'echo-reply' }
      : { from: `100.64.0.${ttl}`, rttMs: rttMs * ttl };
}

function addresses(trace: Trace): (string | null)[] {
  return trace.hops.map((hop) => hop.replies[0]?.address ?? null);
}

function expectedChain(length: number, destination = '198.18.0.1'): string[] {
  return [...Array.from({ length: length - 1 }, (_, i) => `100.64.0.${i + 1}`), destination];
}

describe('Tracer', () => {
  it('finds every hop of an answering chain in one round trip', () => {
    const [trace] = run(new FakeNetwork(chain(12, 4)), [request()]);
    assert.deepEqual(addresses(trace as Trace), expectedChain(12));
    assert.equal(trace?.hopCount, 12);
    assert.equal(trace?.end, 'reached');
    assert.ok((trace?.durationMs ?? 0) < 1.2 * 48 + 15, `took ${trace?.durationMs} ms`);
    assert.equal(trace?.links.length, 11);
  });

  it('spends no more than distance + 2 probes on a target whose distance is known', () => {
    const network = new FakeNetwork(chain(12));
    const [trace] = run(network, [request({ distanceHint: 12 })]);
    assert.equal(trace?.probesSent, 12);
    assert.equal(trace?.hopCount, 12);
  });

  it('finds the new end where a path has become shorter or longer than the hint', () => {
    for (const length of [1, 4, 11, 13, 17, 29]) {
      const [trace] = run(new FakeNetwork(chain(length, 2)), [request({ distanceHint: 12 })]);
      assert.deepEqual(addresses(trace as Trace), expectedChain(length));
    }
  });

  it('does not take a lost reply of the destination for a longer path', () => {
    for (const distanceHint of [null, 6]) {
      let dropped = 0;
      const whole = chain(6, 5);
      const lossy: Behaviour = (probe, count) => {
        if (probe.ttl === 6 && dropped < 2) {
          dropped++;
          return undefined;
        }
        return whole(probe, count);
      };
      const [trace] = run(new FakeNetwork(lossy), [request({ distanceHint })]);
      assert.equal(trace?.hopCount, 6, `hint ${distanceHint}`);
    }
  });

  it('tells in which order the probes of a hop left and which of them came back, where not all did', () => {
    let asked = 0;
    const answer = chain(4);
    const network = new FakeNetwork((probe, count) => {
      if (probe.ttl === 2 && ++asked > 2) return undefined;
      return answer(probe, count);
    });
    const [trace] = run(network, [request({ flows: 3, queries: 2, distanceHint: 4 })]);
    const order = network.probes.filter(({ ttl }) => ttl === 2).map(({ flow }) => flow);
    assert.deepEqual(
      trace?.hops[1]?.outcomes,
      order.map((flow, i) => (i < 2 ? flow : ~flow)),
    );
    assert.equal(trace?.hops[0]?.outcomes, undefined);
  });

  it('lets flows take turns in sending first', () => {
    const network = new FakeNetwork(chain(4));
    const requests = Array.from({ length: 64 }, (_, i) =>
      request({ address: `198.18.0.${i + 1}`, flows: 4, distanceHint: 4 }),
    );
    run(network, requests);
    const first = new Map<string, number>();
    for (const { destination, flow } of network.probes) {
      if (!first.has(destination)) first.set(destination, flow);
    }
    const times = [0, 1, 2, 3].map((flow) => [...first.values()].filter((one) => one === flow).length);
    assert.ok(
      times.every((count) => count >= 8),
      String(times),
    );
  });

  it('waits for silent hops in the middle no longer than a small multiple of the RTT', () => {
    const whole = chain(10, 5);
    const silent: Behaviour = (probe, count) =>
      [4, 5, 6].includes(probe.ttl) ? undefined : whole(probe, count);
    const [trace] = run(new FakeNetwork(silent), [request()]);
    assert.deepEqual(addresses(trace as Trace).slice(3, 6), [null, null, null]);
    assert.ok((trace?.durationMs ?? 0) < 3 * 50 + 50, `took ${trace?.durationMs} ms`);
  });

  it('gives up after the limit of silent hops past the last responder', () => {
    const whole = chain(20);
    const [trace] = run(
      new FakeNetwork((probe, count) => (probe.ttl > 7 ? undefined : whole(probe, count))),
      [request()],
    );
    assert.equal(trace?.end, 'silent');
    assert.equal(trace?.reached, false);
    assert.equal(trace?.hopCount, 0);
    assert.equal(trace?.hops.length, 12);
  });

  it('returns what it has at the deadline', () => {
    const whole = chain(10, 100);
    const [trace] = run(new FakeNetwork(whole), [request({ timeoutMs: 450 })]);
    assert.equal(trace?.end, 'deadline');
    assert.deepEqual(addresses(trace as Trace).slice(0, 4), expectedChain(10).slice(0, 4));
    assert.equal(trace?.durationMs, 450);
  });

  it('ends at an "unreachable" and reports its code', () => {
    const whole = chain(20);
    const refused: Behaviour = (probe, count) =>
      probe.ttl >= 5 ? { from: '100.64.0.5', rttMs: 50, kind: 'unreachable', code: 13 } : whole(probe, count);
    const [trace] = run(new FakeNetwork(refused), [request()]);
    assert.equal(trace?.end, 'unreachable');
    assert.equal(trace?.hops.length, 5);
    assert.equal(trace?.hops[4]?.replies[0]?.code, 13);
  });

  it('tells a duplicate from an answer', () => {
    const whole = chain(3);
    const [trace] = run(
      new FakeNetwork((probe, count) => {
        const answer = whole(probe, count);
        return answer === undefined || probe.ttl !== 2 ? answer : { ...answer, times: 3 };
      }),
      [request()],
    );
    assert.equal(trace?.duplicates, 2);
    assert.equal(trace?.hops[1]?.replies.length, 1);
  });

  it('does not stop at a time-exceeded from the destination address', () => {
    const whole = chain(6);
    const [trace] = run(
      new FakeNetwork((probe, count) =>
        probe.ttl === 5 ? { from: '198.18.0.1', rttMs: 50 } : whole(probe, count),
      ),
      [request()],
    );
    assert.equal(trace?.hopCount, 6);
  });

  it('keeps a thousand traces of overlapping flows apart', () => {
    const requests = Array.from({ length: 1000 }, (_, i) =>
      request({ address: `198.18.${i % 7}.1`, target: `t${i}`, flows: 1 + (i % 3) }),
    );
    const traces = run(
      new FakeNetwork(({ ttl, destination, flow }) => {
        const third = formatAddress(destination).split('.')[2] as string;
        const length = 5 + Number(third);
        if (ttl >= length) return { from: formatAddress(destination), rttMs: 9, kind: 'echo-reply' };
        return { from: `100.${64 + flow}.${third}.${ttl}`, rttMs: ttl };
      }),
      requests,
    );
    for (const [i, trace] of traces.entries()) {
      assert.equal(trace.hopCount, 5 + (i % 7));
      for (const hop of trace.hops.slice(0, -1)) {
        for (const reply of hop.replies) {
          assert.equal(reply.address, `100.${64 + reply.flow}.${i % 7}.${hop.ttl}`);
        }
        assert.equal(hop.replies.length, trace.flows.length);
      }
    }
  });

  it('walks with one probe in flight where the channel allows no more', () => {
    const network = new FakeNetwork(chain(7, 5));
    network.inFlightPerFlow = 1;
    const [trace] = run(network, [request({ protocol: 'tcp', port: 443 })]);
    assert.deepEqual(addresses(trace as Trace), expectedChain(7));
    assert.equal(network.probes[0]?.ttl, 30);
    assert.equal(network.probes.length, 8);
  });

  it('asks one at a time where quotes are too short, and puts no answer at a wrong hop', () => {
    const short: Behaviour = ({ ttl, destination }) =>
      ttl >= 6
        ? { from: formatAddress(destination), rttMs: 30 - ttl, kind: 'port-unreachable', short: true }
        : { from: `100.64.0.${ttl}`, rttMs: 40 - ttl, short: true };
    const [trace] = run(new FakeNetwork(short), [request({ protocol: 'udp', port: 33434 })]);
    assert.deepEqual(addresses(trace as Trace), expectedChain(6));
    assert.match(trace?.note ?? '', /quote too little/);
  });

  it('reports progress at the first reply, then every 50 ms while there is news, the last of it included', () => {
    const whole = chain(12, 10);
    const network = new FakeNetwork((probe, count) => (probe.ttl > 7 ? undefined : whole(probe, count)));
    const seen: [number, number][] = [];
    const tracer = new Tracer({
      network,
      secret: new Uint8Array(16).fill(7),
      onDone: () => {},
      onProgress: (_, partial) => {
        seen.push([network.nowNs / MS, partial.hops.filter((hop) => hop.replies.length > 0).length]);
      },
    });
    tracer.start(request(), 0, 0, { progress: true });
    while (tracer.active > 0) {
      const heardAt = network.heard.peek();
      const wake = tracer.nextWakeNs();
      network.nowNs = Math.max(network.nowNs, Math.min(heardAt, wake));
      if (heardAt <= wake) network.heard.pop()?.(tracer);
      tracer.advance(network.nowNs);
    }
    assert.deepEqual(seen, [
      [10, 1],
      [60, 6],
      [110, 7],
    ]);
  });

  it('says why when nothing can be sent', () => {
    const network = new FakeNetwork(chain(3));
    network.failure = 'no-route';
    const [trace] = run(network, [request()]);
    assert.equal(trace?.end, 'send-failed');
    assert.equal(trace?.note, 'Cannot send: test');
  });

  it('refuses an address that is none', () => {
    const tracer = new Tracer({
      network: new FakeNetwork(chain(3)),
      secret: new Uint8Array(16),
      onDone: () => assert.fail(),
    });
    assert.match(JSON.stringify(tracer.start(request({ address: 'nonsense' }), 0, 0)), /not an IPv4 or IPv6/);
  });
});
