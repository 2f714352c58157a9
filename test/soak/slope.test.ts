import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sample, theilSen, windowMinima } from './slope.ts';

const MINUTE_MS = 60_000;

/** A saw: rises and falls within each ten samples, on a line of `perHour`; seeded noise. */
function saw(perHour: number, minutes: number): Sample[] {
  let seed = 7;
  const noise = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647 - 0.5;
  };
  return Array.from({ length: minutes * 6 }, (_, i) => {
    const atMs = i * 10_000;
    return { atMs, value: 100 + (perHour * atMs) / 3_600_000 + (i % 10) * 3 + noise() };
  });
}

test('theilSen() of the minima of a saw is the slope of its lower edge, within its interval', () => {
  for (const perHour of [0, 5, -3]) {
    const slope = theilSen(windowMinima(saw(perHour, 60), 2 * MINUTE_MS));
    assert.equal(slope.points, 30);
    assert.ok(Math.abs(slope.perHour - perHour) < 0.5, JSON.stringify(slope));
    assert.ok(slope.low <= perHour && perHour <= slope.high, JSON.stringify(slope));
    assert.ok(slope.high - slope.low < 2, JSON.stringify(slope));
  }
});

test('theilSen() is not moved by a few outliers, and says nothing of one point', () => {
  const samples = saw(2, 60).map((sample, i) => (i % 97 === 5 ? { ...sample, value: 1e6 } : sample));
  assert.ok(Math.abs(theilSen(windowMinima(samples, MINUTE_MS)).perHour - 2) < 0.5);
  assert.ok(Number.isNaN(theilSen([{ atMs: 0, value: 1 }]).perHour));
});

test('windowMinima() keeps the least of each window, in order of time', () => {
  const samples = [5, 3, 4, 9, 8].map((value, i) => ({ atMs: i * 1000, value }));
  assert.deepEqual(
    windowMinima(samples, 3000).map(({ atMs, value }) => [atMs, value]),
    [
      [1000, 3],
      [4000, 8],
    ],
  );
});
