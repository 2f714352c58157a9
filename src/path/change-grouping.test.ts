import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChangeGroup } from './change-group.ts';
import { ChangeGrouping, MAX_OPEN_GROUPS, suspectsOf } from './change-grouping.ts';
import type { PathChange, PathChangeKind } from './observation.ts';

function change(before: string, after: string, firstHop: number, more: Partial<PathChange> = {}): PathChange {
  const hops = (text: string): (string | null)[] => text.split(' ').map((hop) => (hop === '*' ? null : hop));
  const rest = { atMs: 1_000_000, flow: 0, confidence: 0.99 };
  return { kind: 'reroute', firstHop, before: hops(before), after: hops(after), ...rest, ...more };
}

test('suspectsOf() names the last hop that stayed, the first that went, and the first that came', () => {
  assert.deepEqual(suspectsOf(change('g s a d1', 'g s b d1', 3)), ['s', 'a', 'b']);
  assert.deepEqual(
    suspectsOf(change('g * a d1', 'g * b d1', 3)),
    ['g', 'a', 'b'],
    'a silent hop is passed over',
  );
  assert.deepEqual(suspectsOf(change('a b d1', 'c b d1', 1)), ['a', 'c']);
  assert.deepEqual(suspectsOf(change('g s a d1', 'g s a d1', 0, { kind: 'unreachable' })), ['a', 's']);
});

test('add() puts changes of one link under its nearer end, and another change of the same moment apart', () => {
  const grouping = new ChangeGrouping();
  grouping.add('one', change('g s a x1 d1', 'g s b x1 d1', 3));
  const other = grouping.add('other', change('g t u d9', 'g t v d9', 3));
  grouping.add('two', change('g s a x2 d2', 'g s c x2 d2', 3));
  const group = grouping.add('three', change('h s e x3 d3', 'h s b x3 d3', 3, { atMs: 1_050_000 }));
  assert.equal(group.cause, 's');
  assert.deepEqual(group.targets, ['one', 'two', 'three']);
  assert.deepEqual([group.firstAtMs, group.lastAtMs], [1_000_000, 1_050_000]);
  assert.deepEqual(other.targets, ['other']);
});

test('add() names a router that went from under several neighbours as the cause', () => {
  const grouping = new ChangeGrouping();
  grouping.add('one', change('g s a d1', 'g s b d1', 3));
  const group = grouping.add('two', change('g t a d2', 'g t c d2', 3));
  assert.equal(group.cause, 'a');
});

test('add() counts all kinds of one change in one group, and the target once', () => {
  const grouping = new ChangeGrouping();
  grouping.add('one', change('g s a d1', 'g s b d1', 3));
  grouping.add('one', change('g s a d1', 'g s b d1', 3, { kind: 'length' }));
  const group = grouping.add('one', change('g s a d1', 'g s b d1', 3, { kind: 'as_path' }));
  assert.deepEqual(group.kinds, { reroute: 1, length: 1, as_path: 1 });
  assert.deepEqual(group.targets, ['one']);
});

test('add() does not bring together what is too far apart in time', () => {
  const grouping = new ChangeGrouping(60_000);
  const first = grouping.add('one', change('g s a d1', 'g s b d1', 3));
  const second = grouping.add('two', change('g s a d2', 'g s b d2', 3, { atMs: 1_060_001 }));
  assert.notEqual(first.id, second.id);
});

test('add() leaves changes alone that have no hop', () => {
  const grouping = new ChangeGrouping();
  const first = grouping.add('one', change('* d1', '* * d1', 2, { kind: 'length', before: [], after: [] }));
  const second = grouping.add('two', change('* d2', '* * d2', 2, { kind: 'length', before: [], after: [] }));
  assert.equal(first.cause, null);
  assert.notEqual(first.id, second.id);
});

test('add() finds one group of a failure whatever the order, under one name', () => {
  const failure = fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.nat(90_000)), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(failure, (parts) => {
      const grouping = new ChangeGrouping();
      let last: ChangeGroup | undefined;
      for (const [i, [went, came, afterMs]] of parts.entries()) {
        const group = grouping.add(
          `t${i}`,
          change(`g s w${went} d${i}`, `g s c${came} d${i}`, 3, { atMs: 1_000_000 + afterMs }),
        );
        if (last !== undefined) assert.equal(group.id, last.id);
        last = group;
      }
      assert.equal(last?.cause, 's');
      assert.equal(last?.targets.length, parts.length);
    }),
    { numRuns: 200, seed: 3 },
  );
});

test('add() keeps its promise for any stream of changes: a cause that all share, every change counted, memory bounded', () => {
  const kind = fc.constantFrom<PathChangeKind>('reroute', 'length', 'ecmp', 'unreachable');
  const hop = fc.nat(12).map((n) => (n === 0 ? '*' : `r${n}`));
  const event = fc.record({
    target: fc.nat(30),
    kind,
    hops: fc.array(hop, { minLength: 6, maxLength: 6 }),
    at: fc.nat(600_000),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), (events) => {
      const grouping = new ChangeGrouping();
      const members = new Map<string, PathChange[]>();
      for (const { target, kind: what, hops, at } of events) {
        const [a, b, c, d, e, f] = hops;
        const one = change(`${a} ${b} ${c} d`, `${d} ${e} ${f} d`, 2, { kind: what, atMs: 1_000_000 + at });
        const group = grouping.add(`t${target}`, one);
        const all = [...(members.get(group.id) ?? []), one];
        members.set(group.id, all);
        assert.ok(group.lastAtMs - group.firstAtMs <= 120_000);
        assert.equal(
          Object.values(group.kinds).reduce((sum, n) => sum + n, 0),
          all.length,
        );
        const { cause } = group;
        if (cause !== null) for (const each of all) assert.ok(suspectsOf(each).includes(cause));
        else assert.equal(all.length, 1);
      }
    }),
    { numRuns: 300, seed: 5 },
  );
});

test('add() closes old groups: a flood of unrelated changes holds no more than its bound', () => {
  const grouping = new ChangeGrouping();
  for (let i = 0; i < 5000; i++)
    grouping.add(`t${i}`, change(`g${i} s${i} a${i} d`, `g${i} s${i} b${i} d`, 3));
  assert.equal(grouping.size, MAX_OPEN_GROUPS);
  grouping.add('late', change('x y z d', 'x y w d', 3, { atMs: 9_000_000 }));
  assert.equal(grouping.size, 1);
});
