import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiRunEvent, ApiSparkline } from '../src/http/api-shapes.ts';
import { addRun, firstMeasured, latestLoss } from './recent-window.ts';

const EMPTY: ApiSparkline = {
  fromMs: 600_000,
  stepMs: 60_000,
  rttMs: [null, null, null],
  lossRatio: [null, null, null],
  path: [null, null, null],
  paths: [],
};

function run(atMs: number, change: Partial<ApiRunEvent> = {}): ApiRunEvent {
  return {
    atMs,
    state: 'ok',
    reason: null,
    address: '192.0.2.1',
    hops: 3,
    rttMs: 10,
    lossRatio: 0,
    paths: 1,
    pathId: 'aa',
    asPath: [],
    ...change,
  };
}

test('addRun() puts a run into its bucket: least RTT, mean loss, latest path', () => {
  let recent = addRun(EMPTY, run(700_000, { rttMs: 12, lossRatio: 0.5 }), 30_000);
  recent = addRun(recent, run(719_000, { rttMs: 15, lossRatio: 0, pathId: 'bb' }), 30_000);
  assert.deepEqual(recent.rttMs, [null, 12, null]);
  assert.deepEqual(recent.lossRatio, [null, 0.25, null]);
  assert.deepEqual(recent.path, [null, 1, null]);
  assert.deepEqual(recent.paths, ['aa', 'bb']);
});

test('addRun() moves the window on, however far, and leaves it for runs before it', () => {
  const filled = addRun(EMPTY, run(780_000 - 1), 30_000);
  const moved = addRun(filled, run(785_000, { rttMs: 9 }), 30_000);
  assert.equal(moved.fromMs, 660_000);
  assert.deepEqual(moved.rttMs, [null, 10, 9]);
  const far = addRun(filled, run(99_000_000), 30_000);
  assert.deepEqual(far.rttMs, [null, null, 10]);
  assert.equal(far.fromMs + 2 * far.stepMs, 99_000_000);
  assert.equal(addRun(filled, run(1), 30_000), filled);
});

test('addRun() keeps a bounded number of paths', () => {
  let recent = EMPTY;
  for (let i = 0; i < 500; i++) recent = addRun(recent, run(700_000, { pathId: `p${i}` }), 30_000);
  assert.ok(recent.paths.length <= 60);
});

test('latestLoss() is a mean over minutes, null where nothing is known', () => {
  assert.equal(latestLoss(EMPTY), null);
  assert.equal(latestLoss({ ...EMPTY, lossRatio: [0.3, null, 0.1] }), 0.2);
});

test('firstMeasured() is where the first bucket with anything in it begins', () => {
  assert.equal(firstMeasured(EMPTY), null);
  assert.equal(firstMeasured({ ...EMPTY, lossRatio: [null, 1, null] }), 660_000);
});
