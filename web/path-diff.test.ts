import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ApiAddress } from '../src/http/api-shapes.ts';
import { diffModel, diffPaths, type HopAddresses } from './path-diff.ts';

/** One letter a hop, `-` for one that is not known. */
function path(letters: string): HopAddresses[] {
  return [...letters].map((letter) => (letter === '-' ? [] : [address(letter)]));
}

function address(text: string): ApiAddress {
  return { address: text, name: null, asn: null, asName: null, country: null };
}

function words(before: string, after: string): string {
  return diffPaths(path(before), path(after))
    .map(
      ({ kept, removed, added }) =>
        [
          removed.map((one) => `-${one.address}`),
          added.map((one) => `+${one.address}`),
          kept.map((one) => one.address),
        ]
          .flat()
          .join('') || '?',
    )
    .join(' ');
}

test('diffPaths() tells what stayed, went and came', () => {
  assert.equal(words('abcd', 'abxd'), 'a b -c+x d');
  assert.equal(words('abc', 'abc'), 'a b c');
  assert.equal(words('', 'ab'), '+a +b');
});

test('diffPaths() keeps hops that only moved to another TTL', () => {
  assert.equal(words('abcde', 'abxyde'), 'a b -c+x +y d e');
  const [row] = diffPaths(path('abcde'), path('abxyde')).slice(-1);
  assert.deepEqual([row?.ttlBefore, row?.ttlAfter], [5, 6]);
});

test('diffPaths() takes silence for no difference', () => {
  assert.equal(words('ab-d', 'abcd'), 'a b c d');
  assert.equal(words('a--d', 'a--d'), 'a ? ? d');
});

test('diffPaths() compares several interfaces of one hop as a set', () => {
  const [row] = diffPaths([[address('a'), address('b')]], [[address('b'), address('c')]]);
  assert.deepEqual(
    [row?.kept, row?.removed, row?.added].map((list) => list?.map((one) => one.address).join('')),
    ['b', 'a', 'c'],
  );
});

test('diffPaths() accounts for every known hop of either path once', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcdef-'), maxLength: 12 });
  fc.assert(
    fc.property(letters, letters, (before, after) => {
      const rows = diffPaths(path(before), path(after));
      const ttls = (side: 'ttlBefore' | 'ttlAfter'): number[] =>
        rows.map((row) => row[side]).filter((ttl) => ttl !== null);
      assert.deepEqual(
        ttls('ttlBefore'),
        Array.from({ length: before.length }, (_, i) => i + 1),
      );
      assert.deepEqual(
        ttls('ttlAfter'),
        Array.from({ length: after.length }, (_, i) => i + 1),
      );
    }),
  );
});

test('diffModel() marks the links of either path, and those of both as kept', () => {
  const { links } = diffModel(diffPaths(path('abd'), path('acd')));
  const marks = Object.fromEntries(links.map(({ from, to, mark }) => [`${from} ${to}`, mark]));
  assert.deepEqual(marks, {
    '0/ 1/a': 'kept',
    '1/a 2/b': 'removed',
    '1/a 2/c': 'added',
    '2/b 3/d': 'removed',
    '2/c 3/d': 'added',
  });
});
