import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedGap, insideShortGap } from './gap.ts';
import { clusters, timeAt, xOf } from './time-scale.ts';

const SCALE = { fromMs: 1000, toMs: 2000, left: 50, right: 50, width: 1100 };

test('timeAt() undoes xOf(), and stays within the timeline', () => {
  for (const at of [1000, 1337, 2000]) assert.equal(timeAt(SCALE, xOf(SCALE, at)), at);
  assert.equal(timeAt(SCALE, -500), 1000);
  assert.equal(timeAt(SCALE, 5000), 2000);
});

test('clusters() puts together what would touch, and loses nothing', () => {
  const groups = clusters([{ atMs: 1500 }, { atMs: 1010 }, { atMs: 1000 }, { atMs: 1024 }], SCALE, 20);
  assert.deepEqual(
    groups.map((group) => group.map(({ atMs }) => atMs)),
    [[1000, 1010], [1024], [1500]],
  );
});

test('insideShortGap() marks gaps up to a length, with something known on both sides', () => {
  const known = [false, true, false, true, false, false, true, false];
  assert.deepEqual(insideShortGap(known, 1), [false, false, true, false, false, false, false, false]);
});

test('expectedGap() allows for the interval, not for what is missing', () => {
  assert.equal(expectedGap(60_000, 60_000), 2);
  assert.equal(expectedGap(3000, 60_000), 0);
  assert.equal(expectedGap(300_000, 60_000), 12);
});
