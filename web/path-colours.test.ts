import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COLOURS, PathColours, pathStretches } from './path-colours.ts';
import { pathName } from './path-name.ts';

test('PathColours gives paths of one target different colours while there are any left, and the same again', () => {
  const colours = new PathColours();
  const ids = Array.from({ length: COLOURS }, (_, i) => `${(i * 7919).toString(16).padStart(6, '0')}abcdef`);
  const given = ids.map((id) => colours.colourOf('t', id));
  assert.equal(new Set(given).size, COLOURS);
  assert.deepEqual(
    ids.map((id) => colours.colourOf('t', id)),
    given,
  );
  const one = colours.colourOf('t', 'ffffffffffff');
  assert.ok(one >= 0 && one < COLOURS);
});

test('PathColours copes with ids that are no numbers', () => {
  assert.ok(new PathColours().colourOf('t', '<script>') < COLOURS);
});

test('pathStretches() puts buckets of one path together and cuts where it changed', () => {
  assert.deepEqual(pathStretches([0, 0, 1, 1, 0], ['a', 'b'], 0), [
    { from: 0, to: 2, pathId: 'a' },
    { from: 2, to: 4, pathId: 'b' },
    { from: 4, to: 5, pathId: 'a' },
  ]);
});

test('pathStretches() passes over short gaps and shows long ones', () => {
  assert.deepEqual(pathStretches([null, 0, null, 0, null, 1, null, null, 1], ['a', 'b'], 1), [
    { from: 0, to: 1, pathId: null },
    { from: 1, to: 5, pathId: 'a' },
    { from: 5, to: 6, pathId: 'b' },
    { from: 6, to: 8, pathId: null },
    { from: 8, to: 9, pathId: 'b' },
  ]);
});

test('pathName() counts in letters', () => {
  const paths = Array.from({ length: 30 }, (_, i) => `p${i}`);
  assert.deepEqual(
    ['p0', 'p25', 'p26', 'none'].map((id) => pathName(paths, id)),
    ['A', 'Z', 'A2', '?'],
  );
});
