import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../src/wire/address.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { PrefixTable, parsePrefix } from './prefix.ts';
import { takeToken } from './token-bucket.ts';

describe('DeliveryQueue', () => {
  it('gives packets back in order of time, the same time in order of arrival', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 200 }), (times) => {
        const queue = new DeliveryQueue(256, 8);
        for (const [i, time] of times.entries()) {
          queue.tag = i;
          queue.deliver(time, Uint8Array.of(i), 1);
        }
        const expected = times.map((time, i) => ({ time, i })).sort((a, b) => a.time - b.time || a.i - b.i);
        for (const { time, i } of expected) {
          assert.equal(queue.headAtNs, time);
          assert.equal(queue.headTag, i);
          assert.equal(queue.bytes[queue.headOffset], i);
          assert.equal(queue.headLength, 1);
          queue.drop();
        }
        assert.equal(queue.headAtNs, Number.POSITIVE_INFINITY);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('drops and counts what finds no slot or is too long', () => {
    const queue = new DeliveryQueue(2, 4);
    for (let i = 0; i < 3; i++) queue.deliver(i, new Uint8Array(4), 4);
    queue.drop();
    queue.deliver(9, new Uint8Array(5), 5);
    assert.deepEqual([queue.size, queue.dropped], [1, 2]);
    queue.clear();
    assert.equal(queue.size, 0);
  });
});

describe('PrefixTable', () => {
  it('finds the longest prefix, in both families', () => {
    const table = new PrefixTable<string>();
    for (const text of ['198.18.0.0/15', '198.18.7.0/24', '198.18.7.9', '2001:db8::/32', '2001:db8:7::/48']) {
      const prefix = parsePrefix(text);
      assert.ok(prefix);
      table.set(prefix, text);
    }
    const find = (text: string): string | undefined => table.get(parseAddress(text) as Uint8Array);
    assert.equal(find('198.19.1.1'), '198.18.0.0/15');
    assert.equal(find('198.18.7.8'), '198.18.7.0/24');
    assert.equal(find('198.18.7.9'), '198.18.7.9');
    assert.equal(find('2001:db8:8::1'), '2001:db8::/32');
    assert.equal(find('2001:db8:7::1'), '2001:db8:7::/48');
    assert.equal(find('198.20.0.1'), undefined);
  });
});

describe('takeToken()', () => {
  it('lets a burst go and then so many a second, however often it is asked', () => {
    const memory = { tokens: -1, refilledAtNs: 0, identification: 0 };
    let taken = 0;
    for (let ms = 0; ms <= 10_000; ms++) if (takeToken(memory, { perSecond: 3, burst: 5 }, ms * 1e6)) taken++;
    assert.ok(taken >= 34 && taken <= 35, `${taken}`);
  });
});
