import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { HopReply, Trace } from '../trace/trace.ts';
import { type AtlasContext, atlasLines } from './atlas-writer.ts';

const CONTEXT: AtlasContext = { sourceAddress: '192.0.2.7', lookupMs: 1.5, queries: 1, packetLength: 0 };
const REPLY: HopReply = { flow: 0, address: '100.64.0.1', rttMs: 1, kind: 'time-exceeded' };

interface AtlasResult {
  readonly result: readonly { readonly hop: number; readonly result: readonly unknown[] }[];
  readonly [key: string]: unknown;
}

function results(trace: Trace, context: Partial<AtlasContext> = {}): AtlasResult[] {
  const lines = atlasLines(trace, { ...CONTEXT, ...context }).split('\n');
  assert.equal(lines.pop(), '');
  return lines.map((line) => JSON.parse(line));
}

function replyOf(reply: Partial<HopReply>, more: Partial<Trace> = {}): unknown {
  const hops = [{ ttl: 1, sent: 1, replies: [{ ...REPLY, ...reply }] }];
  return results(sampleTrace({ hops, ...more }))[0]?.result[0]?.result[0];
}

test('atlasLines() has the keys of a traceroute result of version 5000', () => {
  const [result] = results(sampleTrace());
  assert.deepEqual(result, {
    fw: 5000,
    lts: -1,
    endtime: 1_795_424_400,
    dst_name: 'example.org',
    ttr: 1.5,
    dst_addr: '198.18.0.1',
    src_addr: '192.0.2.7',
    proto: 'ICMP',
    af: 4,
    size: 12,
    paris_id: 1,
    result: [
      { hop: 1, result: [{ from: '100.64.0.1', rtt: 1.25 }] },
      { hop: 2, result: [{ x: '*' }] },
      { hop: 3, result: [{ from: '100.64.1.1', rtt: 10.5 }] },
      { hop: 4, result: [{ from: '198.18.0.1', rtt: 20.125 }] },
    ],
    msm_id: 0,
    prb_id: 0,
    timestamp: 1_795_424_400,
    msm_name: 'Traceroute',
    from: '192.0.2.7',
    type: 'traceroute',
  });
});

test('atlasLines() leaves out what is not known', () => {
  const [result] = results(sampleTrace(), { sourceAddress: null, lookupMs: null });
  assert.ok(!('src_addr' in (result ?? {})) && !('ttr' in (result ?? {})));
  assert.equal(result?.['from'], '');
});

test('atlasLines() counts the payload alone as size', () => {
  const size = (more: Partial<Trace>, packetLength: number): unknown =>
    results(sampleTrace(more), { packetLength })[0]?.['size'];
  assert.equal(size({}, 100), 72);
  assert.equal(size({ family: 6, protocol: 'udp' }, 100), 52);
  assert.equal(size({ protocol: 'tcp' }, 100), 56);
  assert.equal(size({ protocol: 'tcp' }, 0), 0);
});

test('atlasLines() writes errors by their letters, and codes without one as numbers', () => {
  const error = (code: number, family: 4 | 6): unknown =>
    (replyOf({ kind: 'unreachable', code }, { family }) as { err?: unknown }).err;
  assert.deepEqual(
    [0, 1, 2, 13, 9].map((code) => error(code, 4)),
    ['N', 'H', 'P', 'A', 9],
  );
  assert.deepEqual(
    [0, 1, 2, 3, 6].map((code) => error(code, 6)),
    ['N', 'A', 'h', 'H', 6],
  );
  assert.deepEqual(replyOf({ kind: 'port-unreachable' }), { from: '100.64.0.1', rtt: 1 });
  assert.deepEqual(replyOf({ kind: 'unreachable', code: 4, mtu: 1400 }), {
    from: '100.64.0.1',
    rtt: 1,
    mtu: 1400,
  });
});

test('atlasLines() writes TTLs, ToS, flags and extensions', () => {
  assert.deepEqual(replyOf({ kind: 'syn-ack', replyTtl: 58 }), {
    from: '100.64.0.1',
    ttl: 58,
    rtt: 1,
    flags: 'SA',
  });
  const mpls = [{ label: 16001, tc: 1, bottom: true, ttl: 1 }];
  const interfaces = [{ role: 'outgoing', name: 'eth0', address: '192.0.2.1' } as const];
  assert.deepEqual(replyOf({ quotedTtl: 2, quotedTrafficClass: 40, mpls, interfaces }), {
    from: '100.64.0.1',
    rtt: 1,
    ittl: 2,
    itos: 40,
    icmpext: {
      version: 2,
      obj: [
        { class: 1, type: 1, mpls: [{ label: 16001, exp: 1, s: 1, ttl: 1 }] },
        { class: 2, type: 0x86 },
      ],
    },
  });
});

test('atlasLines() gives each flow its own result with its own silence, ended where its path ends', () => {
  const hops = [
    { ttl: 1, sent: 4, replies: [REPLY, REPLY, { ...REPLY, flow: 1 }] },
    {
      ttl: 2,
      sent: 4,
      replies: [
        { ...REPLY, kind: 'echo-reply' },
        { ...REPLY, kind: 'echo-reply' },
      ],
    },
    { ttl: 3, sent: 2, replies: [{ ...REPLY, flow: 1, kind: 'echo-reply' }] },
  ] as const;
  const shapes = results(sampleTrace({ hops, flows: [0, 1] }), { queries: 2 }).map(({ paris_id, result }) => [
    paris_id,
    result.map(({ result: replies }) =>
      replies.map((reply) => ('x' in (reply as object) ? '*' : 'r')).join(''),
    ),
  ]);
  assert.deepEqual(shapes, [
    [1, ['rr', 'rr']],
    [2, ['r*', '**', 'r*']],
  ]);
});
