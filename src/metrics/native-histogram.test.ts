import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NATIVE_ZERO_THRESHOLD, NativeHistogram, nativeIndex } from './native-histogram.ts';

test('nativeIndex() names the bucket whose upper bound is the first not below the value', () => {
  fc.assert(
    fc.property(fc.double({ min: 2e-6, max: 500, noNaN: true }), (value) => {
      const index = nativeIndex(value);
      assert.ok(value <= 2 ** (index / 8) * (1 + 1e-12));
      assert.ok(value > 2 ** ((index - 1) / 8) * (1 - 1e-12));
    }),
  );
  assert.equal(nativeIndex(1), 0);
  assert.equal(nativeIndex(2), 8);
  assert.equal(nativeIndex(0.25), -16);
});

test('NativeHistogram counts every value once, within a bounded number of buckets', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 200 }), (values) => {
      const histogram = new NativeHistogram();
      const expected = new Map<number, number>();
      for (const value of values) {
        histogram.observe(value);
        if (value <= NATIVE_ZERO_THRESHOLD) continue;
        expected.set(nativeIndex(value), (expected.get(nativeIndex(value)) ?? 0) + 1);
      }
      const counted = new Map<number, number>();
      for (const [i, count] of histogram.counts.entries()) {
        if (count > 0) counted.set(histogram.first + i, count);
      }
      assert.deepEqual(new Map([...counted].sort()), new Map([...expected].sort()));
      assert.equal(histogram.zeroCount, values.filter((value) => value <= NATIVE_ZERO_THRESHOLD).length);
      assert.ok(histogram.counts.length <= 232);
    }),
  );
});
