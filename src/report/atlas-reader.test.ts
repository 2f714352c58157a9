import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { Trace } from '../trace/trace.ts';
import { type AtlasTrace, joinFlows, readAtlasResult } from './atlas-reader.ts';
import { atlasLines } from './atlas-writer.ts';

const CONTEXT = { sourceAddress: '192.0.2.7', lookupMs: 1.5, queries: 2, packetLength: 0 };

/** As Atlas writes it: three packets a hop, a silent stretch that ends with TTL 255. */
const ATLAS = {
  fw: 5020,
  lts: 12,
  endtime: 1_795_424_404,
  dst_name: 'Example.ORG',
  dst_addr: '198.18.0.1',
  src_addr: '10.0.0.2',
  proto: 'UDP',
  af: 4,
  size: 40,
  paris_id: 3,
  result: [
    {
      hop: 1,
      result: [
        { from: '10.0.0.1', ttl: 64, size: 68, rtt: 0.5 },
        { x: '*' },
        { from: '10.0.0.1', ttl: 64, size: 68, rtt: 0.4 },
      ],
    },
    { hop: 2, result: [{ x: '*' }, { x: '*' }, { late: 2, from: '100.64.0.9', rtt: 900 }] },
    {
      hop: 3,
      result: [
        {
          from: '100.64.0.3',
          ttl: 62,
          size: 140,
          rtt: 3.25,
          icmpext: {
            version: 2,
            rfc4884: 0,
            obj: [{ class: 1, type: 1, mpls: [{ exp: 0, label: 24001, s: 1, ttl: 1 }] }],
          },
        },
        { from: '100.64.0.3', rtt: 3.5, err: 'N' },
        { from: '100.64.0.3', rtt: 3.75, dup: true },
      ],
    },
    { hop: 4, result: [{ from: '198.18.0.1', ttl: 60, size: 68, rtt: 9.5 }] },
  ],
  msm_id: 5001,
  prb_id: 6042,
  timestamp: 1_795_424_400,
  msm_name: 'Traceroute',
  from: '203.0.113.9',
  type: 'traceroute',
};

function read(value: unknown): AtlasTrace {
  const reading = readAtlasResult(value);
  assert.equal(reading.kind, 'trace', JSON.stringify(reading));
  return reading as AtlasTrace;
}

test('readAtlasResult() reads what Atlas writes', () => {
  const { trace, probe, atMs } = read(ATLAS);
  assert.equal(probe, 6042);
  assert.equal(atMs, 1_795_424_400_000);
  const { target, address, protocol, reached, hopCount, durationMs, flows } = trace;
  assert.deepEqual(
    { target, address, protocol, reached, hopCount, durationMs, flows },
    {
      ...{ target: 'example.org', address: '198.18.0.1', protocol: 'udp', reached: true, hopCount: 4 },
      ...{ durationMs: 4000, flows: [2] },
    },
  );
  assert.deepEqual(
    trace.hops.map(({ sent, replies }) => [sent, replies.map(({ kind }) => kind)]),
    [
      [3, ['time-exceeded', 'time-exceeded']],
      [2, []],
      [2, ['time-exceeded', 'unreachable']],
      [1, ['port-unreachable']],
    ],
  );
  assert.deepEqual(trace.hops[2]?.replies[0]?.mpls, [{ label: 24001, tc: 0, bottom: true, ttl: 1 }]);
  assert.equal(trace.hops[2]?.replies[1]?.code, 0);
});

test('readAtlasResult() gives no distance to the probe of TTL 255 that ends a silent stretch', () => {
  const silent = { hop: 2, result: [{ x: '*' }] };
  const far = { hop: 255, result: [{ from: '198.18.0.1', rtt: 9.5 }] };
  const { trace } = read({ ...ATLAS, result: [ATLAS.result[0], silent, far] });
  assert.equal(trace.hops.length, 2);
  assert.equal(trace.reached, false);
});

test('readAtlasResult() reads back what atlasLines() writes', () => {
  const traces: Trace[] = [sampleTrace(), sampleTrace({ protocol: 'udp' }), sampleTrace({ protocol: 'tcp' })];
  for (const trace of traces) {
    const back = read(JSON.parse(atlasLines(trace, CONTEXT))).trace;
    assert.equal(back.hopCount, trace.hopCount);
    const heard = (of: Trace) =>
      of.hops.map((hop) => hop.replies.map(({ address, rttMs }) => [address, rttMs]));
    assert.deepEqual(heard(back), heard(trace));
  }
});

test('joinFlows() makes one trace of the flows of one moment, and of nothing else', () => {
  const [a, b] = [read({ ...ATLAS, paris_id: 1 }).trace, read({ ...ATLAS, paris_id: 2 }).trace];
  const joined = joinFlows(a, b);
  assert.deepEqual(joined?.flows, [0, 1]);
  assert.deepEqual(
    joined?.hops.map(({ sent }) => sent),
    [6, 4, 4, 2],
  );
  assert.equal(joinFlows(a, a), null);
  assert.equal(joinFlows(a, read({ ...ATLAS, paris_id: 2, timestamp: ATLAS.timestamp + 1 }).trace), null);
});

test('readAtlasResult() refuses what is no traceroute with a reason, and believes nothing impossible', () => {
  const reasons = [
    [null, /no object/],
    [[], /no object/],
    [{ ...ATLAS, type: 'ping' }, /no traceroute/],
    [{ ...ATLAS, timestamp: 'now' }, /no time/],
    [{ ...ATLAS, timestamp: 1e300 }, /no time/],
    [{ ...ATLAS, dst_addr: undefined }, /no address/],
    [{ ...ATLAS, dst_addr: '<script>' }, /no address/],
    [{ ...ATLAS, proto: 'SCTP' }, /protocol/],
    [{ ...ATLAS, result: 'x' }, /no hops/],
    [{ ...ATLAS, result: [{ error: 'connect failed' }] }, /no hops/],
  ] as const;
  for (const [value, reason] of reasons) {
    const reading = readAtlasResult(value);
    assert.ok(reading.kind === 'refused' && reason.test(reading.reason), JSON.stringify(reading));
  }
  assert.equal(read({ ...ATLAS, dst_name: '<script>alert(1)</script>' }).trace.target, '198.18.0.1');
  const odd = { from: '10.0.0.1', rtt: -1 };
  assert.deepEqual(read({ ...ATLAS, result: [{ hop: 1, result: [odd] }] }).trace.hops[0]?.replies, []);
});

test('readAtlasResult() reads any JSON without an exception, and within its bounds', () => {
  const key = fc.constantFrom(...Object.keys(ATLAS), 'hop', 'result', 'from', 'rtt', 'err', 'icmpext', 'obj');
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('198.18.0.1', '*', 1, 255, 256, -1, null, true, 'SA'),
      fc.jsonValue(),
      fc.array(tie('value'), { maxLength: 6 }),
      fc.dictionary(key, tie('value'), { maxKeys: 8 }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.dictionary(key, value), value, (more, result) => {
      const reading = readAtlasResult({ ...ATLAS, ...more, ...(Array.isArray(result) ? { result } : {}) });
      if (reading.kind === 'refused') return;
      assert.ok(reading.trace.hops.length <= 255);
      for (const [i, hop] of reading.trace.hops.entries()) {
        assert.equal(hop.ttl, i + 1);
        assert.ok(hop.replies.length <= hop.sent);
      }
    }),
    { numRuns: 2000 },
  );
});
