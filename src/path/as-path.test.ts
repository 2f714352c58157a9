import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asPathsConflict, collapseAsPath } from './as-path.ts';

test('collapseAsPath() names each run once and leaves unknown hops out', () => {
  assert.deepEqual(collapseAsPath([null, 1, 1, null, 1, 2, null]), [1, 2]);
});

test('asPathsConflict() sees another AS, another order, and an AS gone from between known neighbours', () => {
  assert.equal(asPathsConflict([1, 2, 3], [1, 4, 3]), true);
  assert.equal(asPathsConflict([1, 2, 3], [1, 3, 2]), true);
  assert.equal(asPathsConflict([1, 2, 3], [1, 3]), true);
  assert.equal(asPathsConflict([1, 2], [1, 2, 3]), true);
});

test('asPathsConflict() lets an unknown hop stand for anything', () => {
  assert.equal(asPathsConflict([1, null, 3], [1, 2, 3]), false);
  assert.equal(asPathsConflict([1, null, 3], [1, 3]), false);
  assert.equal(asPathsConflict([1, null, 1], [1]), false);
  assert.equal(asPathsConflict([1, 2, null], [1, 2, 3, 4]), false);
  assert.equal(asPathsConflict([null, null], [1, 2]), false);
  assert.equal(asPathsConflict([], [1, 2]), false);
});

test('asPathsConflict() is symmetric, and never true of two views of one path with hops hidden', () => {
  const path = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8 });
  const mask = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(path, mask, mask, (ases, left, right) => {
      const a = ases.map((as, i) => (left[i] ? as : null));
      const b = ases.map((as, i) => (right[i] ? as : null));
      assert.equal(asPathsConflict(a, b), false, `${JSON.stringify(a)} ${JSON.stringify(b)}`);
      assert.equal(asPathsConflict(b, a), false);
    }),
    { seed: 11, numRuns: 3000 },
  );
});
