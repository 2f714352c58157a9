import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressTable } from './address-table.ts';
import type { PathChange, PathObservation } from './observation.ts';
import { syntheticTrace } from './synthetic-trace.ts';
import { createPathTracker, type PathTracker, type PathTrackerOptions } from './tracker.ts';

const SPREAD = ['a b1 p1 d e D', 'a b2 p2 d e D', 'a b1 p2 d e D', 'a b2 p1 d e D'];
const MOVED = ['a b1 x y z D', 'a b2 x y z D', 'a b1 x y z D', 'a b2 x y z D'];

/** One round, with all the confirmations that it wants, of a network that shows `flows`. */
function round(tracker: PathTracker, flows: readonly string[], atMs: number): PathObservation {
  let seen = tracker.observe(syntheticTrace(flows), atMs);
  const changes: PathChange[] = [...seen.changes];
  for (let wanted = tracker.confirmation(); wanted !== null; wanted = tracker.confirmation()) {
    const { flow, flows: count, firstTtl, maxTtl } = wanted;
    const numbers = Array.from({ length: count }, (_, i) => flow + i);
    const texts = numbers.map((number) =>
      (flows[number % flows.length] ?? '')
        .split(' ')
        .slice(firstTtl - 1, maxTtl)
        .join(' '),
    );
    const trace = syntheticTrace(
      texts.map((text) => text || '*'),
      { flows: numbers },
      firstTtl,
    );
    seen = tracker.confirm(trace, atMs);
    changes.push(...seen.changes);
  }
  return { ...seen, changes };
}

function settled(options: PathTrackerOptions = {}): PathTracker {
  const tracker = createPathTracker(options);
  for (let i = 1; i <= 20; i++) round(tracker, SPREAD, i * 60_000);
  round(tracker, MOVED, 21 * 60_000);
  for (let i = 22; i <= 40; i++) round(tracker, SPREAD, i * 60_000);
  return tracker;
}

function overDisk(snapshot: unknown): unknown {
  return JSON.parse(JSON.stringify(snapshot));
}

test('restore() goes on where snapshot() was taken: the same names, and no event', () => {
  const before = settled();
  const last = round(before, SPREAD, 41 * 60_000);
  const after = createPathTracker();
  assert.equal(after.restore(overDisk(before.snapshot())), true);
  assert.deepEqual(after.routes(), before.routes());
  assert.deepEqual(after.hops(), before.hops());
  for (let i = 42; i < 60; i++) {
    const seen = round(after, SPREAD, i * 60_000);
    assert.deepEqual(seen.changes, []);
    assert.equal(seen.pathId, last.pathId);
    assert.deepEqual(seen.route, last.route);
  }
});

test('restore() lets a change of the downtime be reported once, with the name that the route had before', () => {
  const before = settled();
  const known = before.routes().find((route) => !route.current);
  const after = createPathTracker();
  after.restore(overDisk(before.snapshot()));
  const seen = round(after, MOVED, 100 * 60_000);
  assert.deepEqual(
    seen.changes.map(({ kind, firstHop }) => `${kind}@${firstHop}`),
    ['reroute@3'],
  );
  assert.equal(seen.pathId, known?.pathId);
  for (let i = 101; i < 110; i++) assert.deepEqual(round(after, MOVED, i * 60_000).changes, []);
});

test('restore() knows that the destination was gone, and snapshot() of a new tracker holds nothing', () => {
  const before = createPathTracker();
  assert.equal(before.snapshot(), null);
  for (let i = 1; i <= 20; i++) round(before, ['a b D', 'a b D', 'a b D', 'a b D'], i * 60_000);
  for (let i = 21; i <= 23; i++) round(before, ['a b * *', 'a b * *', 'a b * *', 'a b * *'], i * 60_000);
  const after = createPathTracker();
  after.restore(overDisk(before.snapshot()));
  assert.deepEqual(round(after, ['a b *', 'a b *', 'a b *', 'a b *'], 24 * 60_000).changes, []);
  const back = round(after, ['a b D', 'a b D', 'a b D', 'a b D'], 25 * 60_000);
  assert.deepEqual(
    back.changes.map(({ kind }) => kind),
    ['recovered'],
  );
});

test('snapshot() of what restore() took back is the same, and close() gives every address back', () => {
  const addresses = new AddressTable();
  const before = settled({ addresses });
  const snapshot = overDisk(before.snapshot());
  const after = createPathTracker({ addresses });
  assert.equal(after.restore(snapshot), true);
  assert.deepEqual(overDisk(after.snapshot()), snapshot);
  assert.equal(after.restore(snapshot), true, 'over what it knows already');
  before.close();
  assert.ok(addresses.size > 0);
  after.close();
  assert.equal(addresses.size, 0);
});

test('restore() refuses what is no snapshot of these flows, and changes nothing', () => {
  const addresses = new AddressTable();
  const tracker = settled({ addresses });
  const snapshot = tracker.snapshot();
  const held = addresses.size;
  assert.equal(createPathTracker({ flows: 3, addresses }).restore(snapshot), false);
  for (const hostile of [null, 1, 'x', [], {}, { version: 1 }, { version: 2, flows: 4, destinations: [] }])
    assert.equal(tracker.restore(hostile), false);
  assert.equal(addresses.size, held);
  assert.deepEqual(tracker.snapshot(), snapshot);
});

test('restore() refuses a snapshot that was tampered with, or goes on without throwing', () => {
  const original = JSON.stringify(settled().snapshot());
  const poison = fc.constantFrom<unknown>(null, -1, 1e300, 'D', '', [], {}, [[]], 2 ** 32, 0.5, '::1', true);
  fc.assert(
    fc.property(fc.nat(), poison, (at, value) => {
      const addresses = new AddressTable();
      const snapshot: unknown = JSON.parse(original);
      const places = placesOf(snapshot);
      const place = places[at % places.length];
      assert.ok(place !== undefined);
      place.set(value);
      const tracker = createPathTracker({ addresses });
      if (!tracker.restore(snapshot)) {
        assert.equal(addresses.size, 0);
        return;
      }
      for (let i = 0; i < 3; i++) round(tracker, MOVED, (200 + i) * 60_000);
      tracker.close();
      assert.equal(addresses.size, 0);
    }),
    { numRuns: 400, seed: 7 },
  );
});

/** Every place of a JSON value that something else could stand in. */
function placesOf(value: unknown): { set(other: unknown): void }[] {
  if (typeof value !== 'object' || value === null) return [];
  const record = value as Record<string, unknown>;
  return Object.keys(record).flatMap((key) => [
    {
      set(other: unknown): void {
        record[key] = other;
      },
    },
    ...placesOf(record[key]),
  ]);
}
