import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { HopReply, Trace } from '../trace/trace.ts';
import { mtuText, natsOf, natText, returnDistance, trafficClassesOf, trafficClassText } from './hop-facts.ts';

/** A trace of one reply a hop; null for a silent hop. */
function traced(replies: readonly (Partial<HopReply> | null)[], more: Partial<Trace> = {}): Trace {
  const hops = replies.map((reply, i) => ({
    ttl: i + 1,
    sent: 1,
    replies:
      reply === null
        ? []
        : [{ flow: 0, address: `100.64.0.${i + 1}`, rttMs: 1, kind: 'time-exceeded' as const, ...reply }],
  }));
  return sampleTrace({ hops, ...more });
}

const nats = (trace: Trace): string[] => natsOf(trace).map(natText);
const classes = (trace: Trace): string[] => trafficClassesOf(trace).map(trafficClassText);

describe('natsOf()', () => {
  it('puts a translator between the last hop without it and the first with it', () => {
    const trace = traced([{ natDelta: 0 }, { natDelta: 0 }, { natDelta: 777 }, { natDelta: 777 }]);
    assert.deepEqual(nats(trace), ['NAT between hop 2 and 3']);
    assert.deepEqual(natsOf(trace), [{ flow: 0, after: 2, before: 3, delta: 777 }]);
  });

  it('tells several translators apart, one that undoes another too', () => {
    const trace = traced([
      { natDelta: 0 },
      { natDelta: 5 },
      { natDelta: 5 },
      { natDelta: 9 },
      { natDelta: 0 },
    ]);
    assert.deepEqual(nats(trace), [
      'NAT between hop 1 and 2',
      'NAT between hop 3 and 4',
      'NAT between hop 4 and 5',
    ]);
    assert.deepEqual(
      natsOf(trace).map(({ delta }) => delta),
      [5, 4, 0xffff - 9],
    );
  });

  it('skips hops that are silent or whose quote said nothing', () => {
    const trace = traced([{ natDelta: 0 }, null, {}, { natDelta: 3 }]);
    assert.deepEqual(nats(trace), ['NAT between hop 1 and 4']);
  });

  it('says so when the first hop had the packet changed already', () => {
    assert.deepEqual(nats(traced([{ natDelta: 3 }, { natDelta: 3 }])), ['NAT before hop 1']);
  });

  it('is for each flow by itself, and for IPv4', () => {
    const reply = { address: '100.64.0.1', rttMs: 1, kind: 'time-exceeded' } as const;
    const hops = [0, 4].map((natDelta, i) => ({
      ttl: i + 1,
      sent: 2,
      replies: [
        { ...reply, flow: 0, natDelta: 0 },
        { ...reply, flow: 1, natDelta },
      ],
    }));
    assert.deepEqual(natsOf(sampleTrace({ hops })), [{ flow: 1, after: 1, before: 2, delta: 4 }]);
    assert.deepEqual(natsOf(sampleTrace({ hops, family: 6 })), []);
    assert.deepEqual(natsOf(traced([{}, {}, null])), []);
  });
});

describe('trafficClassesOf()', () => {
  it('tells DSCP from ECN, and what became of each', () => {
    const at = (...values: number[]): Trace =>
      traced(
        values.map((quotedTrafficClass) => ({ quotedTrafficClass })),
        { trafficClass: 0xb9 },
      );
    assert.deepEqual(classes(at(0xb9, 0x29)), ['DSCP 46 becomes 10 between hop 1 and 2']);
    assert.deepEqual(classes(at(0xb9, 0xb8)), ['ECN bleached between hop 1 and 2']);
    assert.deepEqual(classes(at(0xb9, 0xbb)), ['ECN marked for congestion between hop 1 and 2']);
    assert.deepEqual(classes(at(0xb9, 0xba)), ['ECN 1 becomes 2 between hop 1 and 2']);
    assert.deepEqual(classes(at(0xb9, 0)), ['DSCP 46 becomes 0, ECN bleached between hop 1 and 2']);
    assert.deepEqual(classes(at(0xb9, 0xb9)), []);
    assert.deepEqual(classes(at(0x29)), ['DSCP 46 becomes 10 before hop 1']);
  });

  it('compares with what was sent, which is 0 unless told', () => {
    assert.deepEqual(classes(traced([{ quotedTrafficClass: 40 }])), ['DSCP 0 becomes 10 before hop 1']);
    assert.deepEqual(classes(traced([{ quotedTrafficClass: 3 }])), ['ECN 0 becomes 3 before hop 1']);
  });
});

describe('returnDistance()', () => {
  it('takes of the usual initial TTLs the one that makes the ways most alike', () => {
    assert.deepEqual(returnDistance(1, 255), { hops: 1, asymmetry: 0 });
    assert.deepEqual(returnDistance(9, 56), { hops: 9, asymmetry: 0 });
    assert.deepEqual(returnDistance(9, 54), { hops: 11, asymmetry: 2 });
    assert.deepEqual(returnDistance(9, 122), { hops: 7, asymmetry: -2 });
    assert.deepEqual(returnDistance(4, 29), { hops: 4, asymmetry: 0 }, 'from 32');
    assert.deepEqual(
      returnDistance(30, 29),
      { hops: 36, asymmetry: 6 },
      'from 64: 32 would be 26 hops too near',
    );
  });

  it('is null where the TTL is not known or none', () => {
    for (const replyTtl of [undefined, 0, -1, 256]) assert.equal(returnDistance(3, replyTtl), null);
  });
});

describe('mtuText()', () => {
  it('says what it is and who makes it so', () => {
    const mtu = { bytes: 1500, hop: 0, address: null, exact: true, interfaceBytes: 1500 };
    assert.equal(mtuText(mtu), '1500 bytes, as the interface has it');
    const address = '100.64.0.3';
    assert.equal(
      mtuText({ ...mtu, bytes: 1400, hop: 3, address }),
      '1400 bytes, narrowed after hop 3 (100.64.0.3)',
    );
    assert.equal(
      mtuText({ ...mtu, bytes: 1400, hop: 0, address, exact: false }),
      '1400 bytes as far as known, narrowed by 100.64.0.3',
    );
    assert.equal(
      mtuText({ ...mtu, bytes: 1300, hop: 6, steps: [{ bytes: 1400, hop: 3, address }] }),
      '1300 bytes, longer packets vanish without a word after hop 6; 1400 already after hop 3 (100.64.0.3)',
    );
    assert.equal(
      mtuText({ ...mtu, bytes: 1300 }),
      '1300 bytes, longer packets vanish without a word somewhere on the way',
    );
  });
});
