import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alignHops, type Hops } from './hop-alignment.ts';

function hops(text: string): Hops {
  return text.split(' ').map((name) => (name === '*' ? null : name));
}

function marks(before: string, after: string): string {
  return alignHops(hops(before), hops(after))
    .map(({ before: old, after: now, mark }) => `${old ?? '-'}${mark[0]}${now ?? '-'}`)
    .join(' ');
}

test('alignHops() keeps hops that only moved to another TTL', () => {
  assert.equal(marks('a b c D', 'a x y c D'), 'aka bcx -ay ckc DkD');
  assert.equal(marks('a x y c D', 'a c D'), 'aka xr- yr- ckc DkD');
  assert.equal(marks('a b D', 'a b D'), 'aka bkb DkD');
});

test('alignHops() calls nothing changed where one side is silent', () => {
  assert.equal(marks('a * D', 'a b D'), 'aka -ub DkD');
  assert.equal(marks('a * D', 'a * D'), 'aka -k- DkD');
});

test('alignHops() has every hop of either path in one row, in order', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c', 'd', null), { maxLength: 12 });
  fc.assert(
    fc.property(path, path, (before, after) => {
      const rows = alignHops(before, after);
      const ttls = (side: 'ttlBefore' | 'ttlAfter') =>
        rows.map((row) => row[side]).filter((ttl) => ttl !== null);
      assert.deepEqual(
        ttls('ttlBefore'),
        before.map((_, i) => i + 1),
      );
      assert.deepEqual(
        ttls('ttlAfter'),
        after.map((_, i) => i + 1),
      );
      for (const { mark, before: old, after: now } of rows) if (mark === 'kept') assert.equal(old, now);
    }),
  );
});
