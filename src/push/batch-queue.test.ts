import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, BatchQueue } from './batch-queue.ts';

function batch(bytes: number, atMs: number, samples = 10): Batch {
  return { body: new Uint8Array(bytes), samples, atMs };
}

test('BatchQueue lets the oldest go when it is full, and tells how many samples that were', () => {
  const dropped: [string, number][] = [];
  const queue = new BatchQueue(100, 1000, (...what) => dropped.push(what));
  const batches = [batch(40, 0, 1), batch(40, 0, 2), batch(40, 0, 3)];
  for (const one of batches) queue.add(one);
  assert.deepEqual(dropped, [['queue_full', 1]]);
  assert.equal(queue.first(0), batches[1]);
  assert.equal(queue.samples, 5);
});

test('BatchQueue keeps one batch however large', () => {
  const queue = new BatchQueue(10, 1000, () => assert.fail('dropped'));
  queue.add(batch(5000, 0));
  assert.equal(queue.length, 1);
});

test('BatchQueue.first() lets go of what is too old', () => {
  const dropped: [string, number][] = [];
  const queue = new BatchQueue(1000, 100, (...what) => dropped.push(what));
  const fresh = batch(1, 50);
  queue.add(batch(1, 0));
  queue.add(fresh);
  assert.equal(queue.first(120), fresh);
  assert.deepEqual(dropped, [['too_old', 10]]);
});

test('BatchQueue.remove() says no to a batch that had to make room meanwhile', () => {
  const queue = new BatchQueue(50, 100, () => undefined);
  const [first, second] = [batch(40, 0), batch(40, 0)];
  queue.add(first);
  queue.add(second);
  assert.equal(queue.remove(first), false);
  assert.equal(queue.remove(second), true);
  assert.equal(queue.length, 0);
});
