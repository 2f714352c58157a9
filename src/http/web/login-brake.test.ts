import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginBrake } from './login-brake.ts';
import { TokenBucket } from './token-bucket.ts';

test('LoginBrake lets five wrong passwords pass, then holds the client up for longer each time', () => {
  const brake = new LoginBrake();
  for (let i = 0; i < 4; i++) brake.failed('c', 0);
  assert.equal(brake.waitMs('c', 0), 0);
  const waits = Array.from({ length: 9 }, () => {
    brake.failed('c', 0);
    return brake.waitMs('c', 0);
  });
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(brake.waitMs('other', 0), 0);
  assert.equal(brake.waitMs('c', 60_000), 0);
  brake.succeeded('c');
  brake.failed('c', 0);
  assert.equal(brake.waitMs('c', 0), 0);
});

test('TokenBucket gives its burst at once and then its rate, and says how long to wait', () => {
  const bucket = new TokenBucket(2, 3, 0);
  assert.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)], [0, 0, 0, 500]);
  assert.equal(bucket.take(500), 0);
  assert.equal(bucket.take(500), 500);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.take(1_000_000)),
    [0, 0, 0, 500],
  );
});
