import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentCache } from './recent-cache.ts';

test('RecentCache keeps its bound, and what was asked for lately', () => {
  const cache = new RecentCache<number, string>(100);
  for (let i = 0; i < 10_000; i++) {
    cache.set(i, String(i));
    assert.equal(cache.get(0), '0');
    assert.ok(cache.size <= 100);
  }
  assert.equal(cache.get(9999), '9999');
  assert.equal(cache.get(9000), undefined);
  cache.set(9999, 'new');
  assert.equal(cache.get(9999), 'new');
  cache.clear();
  assert.equal(cache.size, 0);
});
