import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordedChange, RecordedGroup } from '../history/path-history.ts';
import { changeWords, groupWords } from './change-words.ts';

const HOST_OF = (key: string): string | undefined => (key === 't' ? 't.example' : undefined);

const CHANGE: RecordedChange = {
  ...{
    id: 1,
    target: 't',
    host: 't',
    atMs: 0,
    kind: 'reroute',
    firstHop: 2,
    flow: 3,
    confidence: 1,
    group: 'g',
  },
  before: ['a', 'b', 'c'],
  after: ['a', 'x', 'c'],
  beforePathId: null,
  afterPathId: null,
};

const AS: Readonly<Record<string, number>> = { b: 64_500, x: 64_511, y: 64_500 };
const unknown = (): null => null;
const known = (address: string): number | null => AS[address] ?? null;

test('changeWords() says which AS left for which, or which address where that is not known or the same', () => {
  assert.equal(changeWords(CHANGE, known), 'hop 2 left AS64500 for AS64511');
  assert.equal(changeWords(CHANGE, unknown), 'hop 2 left b for x');
  assert.equal(changeWords({ ...CHANGE, after: ['a', 'y', 'c'] }, known), 'hop 2 left b for y');
  assert.equal(changeWords({ ...CHANGE, before: ['a', null, 'c'] }, known), 'hop 2 moved to x');
  assert.equal(changeWords({ ...CHANGE, after: ['a', null] }, known), 'hop 2 left b, 1 hop shorter');
  const nothing = { ...CHANGE, before: ['a', null], after: ['a', null] };
  assert.equal(changeWords(nothing, known), 'hop 2 moved');
  const longer = { ...CHANGE, after: ['a', 'x', 'y', 'z', 'c'] };
  assert.equal(changeWords(longer, known), 'hop 2 left AS64500 for AS64511, 2 hops longer');
});

test('changeWords() says of each kind what it is', () => {
  const words = (more: Partial<RecordedChange>): string => changeWords({ ...CHANGE, ...more }, known);
  assert.equal(words({ kind: 'unreachable', firstHop: 0 }), 'the destination stopped answering');
  assert.equal(words({ kind: 'recovered', firstHop: 0 }), 'the destination answers again');
  const length = { kind: 'length', firstHop: 5, before: ['a', 'b', 'c'] } as const;
  assert.equal(words({ ...length, after: ['a', 'b', 'x', 'y', 'c'] }), 'path is 2 hops longer from hop 5');
  assert.equal(words({ ...length, after: ['a', 'c'] }), 'path is 1 hop shorter from hop 5');
  assert.equal(words({ kind: 'ecmp' }), 'flow 3 moved among parallel links: hop 2 left AS64500 for AS64511');
  assert.equal(words({ kind: 'as_path' }), 'path left AS64500 for AS64511');
  assert.equal(words({ kind: 'as_path', before: ['a'] }), 'path goes through AS64511 from hop 2');
  assert.equal(words({ kind: 'as_path', after: ['a'] }), 'path goes through AS64500 no more');
});

test('groupWords() counts targets and names the hop that they share', () => {
  const group: RecordedGroup = {
    ...{ id: 'g', cause: '100.64.3.1', firstAtMs: 0, lastAtMs: 0, kinds: { reroute: 14 }, targetCount: 14 },
    targets: ['t'],
  };
  assert.equal(groupWords(group, HOST_OF), '14 targets moved at 100.64.3.1');
  assert.equal(groupWords({ ...group, targetCount: 1, cause: null }, HOST_OF), 't.example moved');
  assert.equal(groupWords({ ...group, targets: ['u'], targetCount: 1, cause: null }, HOST_OF), 'u moved');
  assert.equal(
    groupWords({ ...group, kinds: { unreachable: 2 } }, HOST_OF),
    '14 targets stopped answering at 100.64.3.1',
  );
  assert.equal(
    groupWords({ ...group, kinds: { recovered: 2 }, cause: null }, HOST_OF),
    '14 targets came back',
  );
});
