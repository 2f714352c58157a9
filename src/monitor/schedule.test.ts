import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextTurn, phaseOf } from './phase.ts';
import { RecentMap } from './recent-map.ts';
import { Schedule } from './schedule.ts';
import { VirtualClock } from './virtual-clock.ts';

test('Schedule calls each owner on its own grid, first, second and every interval', async () => {
  const clock = new VirtualClock();
  const calls: [string, number][] = [];
  const schedule = new Schedule<string>(clock, (owner) => calls.push([owner, clock.now()]));
  schedule.set('a', { firstAtMs: 5, thenAtMs: 100, intervalMs: 50 });
  schedule.set('b', { firstAtMs: 3, thenAtMs: 120, intervalMs: 120 });
  await clock.advance(200);
  assert.deepEqual(calls, [
    ['b', 3],
    ['a', 5],
    ['a', 100],
    ['b', 120],
    ['a', 150],
    ['a', 200],
  ]);
  assert.equal(schedule.dueAt('a'), 250);
});

test('Schedule keeps one timer whatever the number of owners, and none for removed ones', async () => {
  const clock = new VirtualClock();
  let calls = 0;
  const schedule = new Schedule<number>(clock, () => calls++);
  for (let i = 0; i < 5000; i++) schedule.set(i, { firstAtMs: 1000 + i, thenAtMs: 1e6, intervalMs: 1e6 });
  assert.equal(clock.pending, 1);
  for (let i = 1; i < 5000; i++) schedule.remove(i);
  await clock.advance(10_000);
  assert.deepEqual([calls, schedule.size], [1, 1]);
});

test('Schedule counts turns that passed while the process was held up, and goes on from there', async () => {
  const clock = new VirtualClock();
  const missed: number[] = [];
  let held = 0;
  const lagging = { ...bound(clock), now: () => clock.now() + held };
  const schedule = new Schedule<string>(lagging, (_, count) => missed.push(count));
  schedule.set('a', { firstAtMs: 10, thenAtMs: 20, intervalMs: 10 });
  held = 35;
  await clock.advance(10);
  assert.deepEqual([missed, schedule.dueAt('a')], [[3], 50]);
});

test('Schedule calls nobody after stop()', async () => {
  const clock = new VirtualClock();
  let calls = 0;
  const schedule = new Schedule<string>(clock, () => calls++);
  schedule.set('a', { firstAtMs: 1, thenAtMs: 2, intervalMs: 1 });
  schedule.stop();
  schedule.set('b', { firstAtMs: 1, thenAtMs: 2, intervalMs: 1 });
  await clock.advance(10);
  assert.equal(calls, 0);
});

test('phaseOf() spreads similar keys evenly', () => {
  const bins = new Array<number>(60).fill(0);
  for (let i = 0; i < 5000; i++) {
    const bin = Math.floor(phaseOf(`host${i}.example.org/icmp`) * 60);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  // 83 are expected in each; chance alone (binomial, standard deviation 9) keeps all within five deviations.
  assert.ok(
    Math.min(...bins) > 38 && Math.max(...bins) < 129,
    `${Math.min(...bins)} to ${Math.max(...bins)}`,
  );
});

test('nextTurn() is the first turn not before the time, always on the same grid', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999 }),
      fc.integer({ min: 1000, max: 86_400_000 }),
      fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 }),
      (part, intervalMs, at) => {
        const turn = nextTurn(part / 1000, intervalMs, at);
        const again = nextTurn(part / 1000, intervalMs, turn + intervalMs / 2);
        return turn >= at - 0.01 && turn < at + intervalMs && Math.abs(again - turn - intervalMs) < 0.01;
      },
    ),
    { seed: 7 },
  );
});

test('RecentMap forgets what was used least recently', () => {
  const forgotten: number[] = [];
  const map = new RecentMap<string, number>(2, (value) => forgotten.push(value));
  map.set('a', 1);
  map.set('b', 2);
  map.get('a');
  map.set('c', 3);
  assert.deepEqual(
    [map.get('a'), map.get('b'), map.get('c'), map.size, forgotten],
    [1, undefined, 3, 2, [2]],
  );
});

function bound(clock: VirtualClock): { epoch: () => number; after: VirtualClock['after'] } {
  return { epoch: () => clock.epoch(), after: (delayMs, callback) => clock.after(delayMs, callback) };
}
