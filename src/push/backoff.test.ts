import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('Backoff doubles from the first to the longest pause, half of it jitter', () => {
  const least = new Backoff(1000, 8000, () => 0);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => least.failed(null)),
    [500, 1000, 2000, 4000, 4000],
  );
  const most = new Backoff(1000, 8000, () => 0.999999);
  assert.equal(Math.round(most.failed(null)), 1000);
});

test('Backoff obeys a server that says how long, and starts over after a success', () => {
  const backoff = new Backoff(1000, 8000, () => 0);
  assert.equal(backoff.failed(30_000), 30_000);
  backoff.failed(null);
  backoff.succeeded();
  assert.equal(backoff.failed(null), 500);
});
