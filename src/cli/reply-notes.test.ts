import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { HopReply } from '../trace/trace.ts';
import { NoteTaker, unreachableText } from './reply-notes.ts';

function reply(more: Partial<HopReply> = {}): HopReply {
  return { flow: 0, address: '100.64.0.1', rttMs: 1, kind: 'time-exceeded', ...more };
}

function notes(...hops: (readonly HopReply[])[]): string[][] {
  const traced = hops.map((replies, i) => ({ ttl: i + 1, sent: replies.length, replies }));
  const taker = new NoteTaker(sampleTrace({ port: 443, hops: traced }));
  return hops.map((replies, i) => taker.notesOn(i + 1, replies).map(({ text }) => text));
}

test('unreachableText() has the letters of traceroute and words', () => {
  const text = (code: number, family: 4 | 6 = 4): string =>
    unreachableText(reply({ kind: 'unreachable', code }), family);
  assert.equal(text(0), '!N network unreachable');
  assert.equal(text(1), '!H host unreachable');
  assert.equal(text(2), '!P protocol unreachable');
  assert.equal(text(13), '!X administratively prohibited');
  assert.equal(text(200), '!<200> unreachable');
  assert.equal(text(0, 6), '!N no route to destination');
  assert.equal(text(1, 6), '!X administratively prohibited');
  assert.equal(text(3, 6), '!H address unreachable');
  assert.equal(
    unreachableText(reply({ kind: 'unreachable', code: 0, mtu: 1280 }), 6),
    '!F-1280 packet too big, MTU 1280',
  );
  assert.equal(unreachableText(reply({ kind: 'unreachable', code: 4, mtu: 0 }), 4), '!F packet too big');
});

test('NoteTaker says what a port is', () => {
  const destination = { address: '198.18.0.1' };
  assert.deepEqual(
    notes(
      [reply({ ...destination, kind: 'syn-ack' })],
      [reply({ ...destination, kind: 'rst' })],
      [reply({ ...destination, kind: 'udp-reply' })],
      [reply({ ...destination, kind: 'port-unreachable' })],
      [reply({ ...destination, kind: 'echo-reply' })],
    ),
    [['port 443 open'], ['port 443 closed'], ['port 443 answers'], [], []],
  );
});

test('NoteTaker shows MPLS labels with class and TTL where they say something', () => {
  const mpls = [
    { label: 16001, tc: 0, bottom: false, ttl: 1 },
    { label: 24005, tc: 5, bottom: true, ttl: 254 },
  ];
  assert.deepEqual(notes([reply({ mpls }), reply({ mpls })]), [['MPLS 16001, 24005 tc 5 ttl 254']]);
});

test('NoteTaker shows the interfaces that a responder names', () => {
  const interfaces = [
    { role: 'incoming', name: 'xe-0/0/1', index: 7, address: '192.0.2.1', mtu: 9000 } as const,
    { role: 'outgoing', index: 8 } as const,
  ];
  assert.deepEqual(notes([reply({ interfaces })]), [['in xe-0/0/1 192.0.2.1 MTU 9000', 'out #8']]);
});

test('NoteTaker says address translation, traffic class and asymmetry where they begin, for each flow', () => {
  assert.deepEqual(
    notes(
      [reply({ replyTtl: 255, natDelta: 0, quotedTrafficClass: 0 }), reply({ flow: 1, natDelta: 0 })],
      [reply({ replyTtl: 252, natDelta: 5, quotedTrafficClass: 0x28 })],
      [reply({ replyTtl: 251, natDelta: 5, quotedTrafficClass: 0x28 })],
      [reply({ replyTtl: 252, natDelta: 9, quotedTrafficClass: 0 })],
      [reply({ flow: 1, replyTtl: 60, natDelta: 9 })],
    ),
    [
      [],
      ['NAT between hop 1 and 2', 'DSCP 0 becomes 10 between hop 1 and 2', 'asymm 4'],
      [],
      ['NAT between hop 3 and 4', 'DSCP 10 becomes 0 between hop 3 and 4'],
      ['NAT between hop 1 and 5'],
    ],
  );
});

test('NoteTaker finds nothing strange in the TTL that a refusal quotes', () => {
  assert.deepEqual(notes([reply({ kind: 'unreachable', code: 1, quotedTtl: 2, replyTtl: 250 })]), [
    ['!H host unreachable'],
  ]);
  assert.deepEqual(notes([reply({ quotedTtl: 2 })]), [['quotes TTL 2']]);
});
