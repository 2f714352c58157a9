import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HopReply, Trace } from '../src/trace/trace.ts';
import { routeModel } from './route-model.ts';
import { routeOfTrace } from './trace-route.ts';

function reply(flow: number, address: string, rttMs: number): HopReply {
  return { flow, address, rttMs, kind: 'time-exceeded' };
}

const TRACE: Trace = {
  target: 'example.org',
  address: '198.18.0.9',
  family: 4,
  protocol: 'icmp',
  port: null,
  mode: 'raw',
  startedAt: '2026-11-23T09:00:00.000Z',
  durationMs: 20,
  reached: true,
  hopCount: 4,
  probesSent: 16,
  hops: [
    { ttl: 1, sent: 4, replies: [reply(0, 'a', 1), reply(1, 'a', 2)] },
    { ttl: 2, sent: 4, replies: [reply(0, 'b', 3), reply(1, 'c', 5)] },
    { ttl: 3, sent: 4, replies: [] },
    { ttl: 4, sent: 4, replies: [reply(0, '198.18.0.9', 9), reply(1, '198.18.0.9', 11)] },
    { ttl: 5, sent: 1, replies: [] },
  ],
  links: [
    { ttl: 1, from: 'a', to: 'b' },
    { ttl: 1, from: 'a', to: 'c' },
  ],
  end: 'reached',
  duplicates: 0,
  late: 0,
  flows: [0, 1],
};

test('routeOfTrace() shares hops out by flow and says what each link adds', () => {
  const route = routeOfTrace(TRACE, {}, 'aabb');
  const b = route.nodes.find(({ address }) => address === 'b');
  assert.equal(b?.share, 0.5);
  assert.deepEqual(b?.rtt, { minMs: 3, medianMs: 3, p95Ms: 3 });
  assert.equal(route.links.find(({ to }) => to === 'c')?.addedDelayMs, 3);
  assert.equal(route.links.find(({ ttl }) => ttl === 0)?.addedDelayMs, 2);
});

test('routeOfTrace() ends at the destination, and makes a route that hangs together', () => {
  const route = routeOfTrace(TRACE, {}, null);
  assert.deepEqual(
    route.nodes.map(({ ttl }) => ttl),
    [1, 2, 2, 3, 4],
  );
  assert.ok(route.nodes.at(-1)?.destination);
  const { nodes, links } = routeModel(route);
  const entered = new Set(links.map(({ to }) => to));
  assert.ok(nodes.every(({ id, kind }) => kind === 'vantage' || entered.has(id)));
});
