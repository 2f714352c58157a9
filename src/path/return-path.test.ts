import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { Trace } from '../trace/trace.ts';
import { ReturnPathWatch } from './return-path.ts';

function round(...replyTtls: readonly (number | undefined)[]): Trace {
  const hops = replyTtls.map((replyTtl, i) => ({
    ttl: i + 1,
    sent: 1,
    replies: [
      {
        flow: 0,
        address: `100.64.0.${i + 1}`,
        rttMs: 1,
        kind: 'time-exceeded' as const,
        ...(replyTtl === undefined ? {} : { replyTtl }),
      },
    ],
  }));
  return sampleTrace({ hops });
}

describe('ReturnPathWatch', () => {
  it('tells a shift once, when a second round confirms it', () => {
    const watch = new ReturnPathWatch();
    assert.deepEqual(watch.observe(round(255, 254)), []);
    assert.deepEqual(watch.observe(round(255, 252)), []);
    assert.deepEqual(watch.observe(round(255, 252)), [
      { ttl: 2, address: '100.64.0.2', before: 254, after: 252, hopsBefore: 2, hopsAfter: 4 },
    ]);
    assert.deepEqual(watch.observe(round(255, 252)), []);
  });

  it('takes a single deviation, and values that take turns, for no shift', () => {
    const watch = new ReturnPathWatch();
    let shifts = 0;
    for (const ttl of [255, 250, 255, 255, 251, 255, 250, 251, 255])
      shifts += watch.observe(round(ttl)).length;
    assert.equal(shifts, 0);
    for (let i = 0; i < 20; i++) shifts += watch.observe(round(i % 4 < 2 ? 255 : 253)).length;
    assert.equal(shifts, 1, 'the first time only');
  });

  it('keeps a bounded memory and says nothing of replies without a TTL', () => {
    const watch = new ReturnPathWatch();
    for (let i = 0; i < 3; i++) assert.deepEqual(watch.observe(round(undefined, 254)), []);
    for (let i = 0; i < 10; i++) watch.observe(round(...Array.from({ length: 255 }, (_, ttl) => 255 - ttl)));
    assert.deepEqual(watch.observe(round(undefined)), []);
  });
});
