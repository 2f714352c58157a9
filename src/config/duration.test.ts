import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from './duration.ts';

test('parseDuration() reads every unit, sums, and decimals of one unit', () => {
  const cases: [string, number][] = [
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['1m500ms', 60_500],
    ['1.5s', 1500],
    ['0s', 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test('parseDuration() refuses what has no unit, a wrong order, a sign or too much', () => {
  for (const text of [
    '',
    '30',
    's',
    '-5s',
    '5 s',
    '5S',
    '30m1h',
    '1.5h30m',
    '1e3s',
    '1y',
    `${'9'.repeat(19)}w`,
  ]) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

test('formatDuration() writes what parseDuration() reads back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 10 }), (ms) => parseDuration(formatDuration(ms)) === ms),
    { seed: 7 },
  );
  assert.equal(formatDuration(5_400_000), '1h30m');
});
