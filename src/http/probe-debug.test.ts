import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ICMP, sampleRound, sampleTarget, sampleTrace } from '../../test/sample-rounds.ts';
import type { HopReply } from '../trace/trace.ts';
import { debugText } from './probe-debug.ts';

test('debugText() tells what the hops say: translators, traffic classes, interfaces, ways back, path MTU', () => {
  const reply = (ttl: number, more: Partial<HopReply>): HopReply => ({
    flow: 0,
    address: `100.64.0.${ttl}`,
    rttMs: ttl,
    kind: 'time-exceeded',
    ...more,
  });
  const hops = [
    reply(1, { natDelta: 0, quotedTrafficClass: 0, replyTtl: 255 }),
    reply(2, { natDelta: 7, quotedTrafficClass: 0, replyTtl: 251 }),
    reply(3, {
      natDelta: 7,
      quotedTrafficClass: 40,
      interfaces: [{ role: 'incoming', name: 'xe-0', mtu: 9000 }],
    }),
  ].map((one, i) => ({ ttl: i + 1, sent: 1, replies: [one] }));
  const mtu = { bytes: 1400, hop: 2, address: '100.64.0.2', exact: true };
  const round = sampleRound(sampleTarget('a.example.org'), { trace: sampleTrace({ hops, mtu }) });
  const query = { target: 'a.example.org', module: ICMP, hostname: null, debug: true, timeoutMs: 1000 };
  const text = debugText(query as Parameters<typeof debugText>[0], round, 12, '');
  assert.match(
    text,
    /\nNAT between hop 1 and 2\nDSCP 0 becomes 10 between hop 2 and 3\npath MTU 1400 bytes, narrowed/,
  );
  assert.match(text, /100\.64\.0\.2 +2\.000 ms +5 hops back/);
  assert.match(text, /100\.64\.0\.3 +3\.000 ms +incoming interface xe-0 MTU 9000/);
});
