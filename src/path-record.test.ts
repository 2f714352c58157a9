import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../test/e2e/servers.ts';
import { rerouteOf, routeRound } from '../test/route-rounds.ts';
import { sampleTarget } from '../test/sample-rounds.ts';
import { PathRecord, type Rememberer } from './path-record.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 9);
const MINUTE_MS = 60_000;
const A = sampleTarget('a');
const B = sampleTarget('b');
const OLD = 'a b c D';
const NEW = 'a x c D';

function record(path: string | null): PathRecord {
  return new PathRecord({
    version: '0',
    probes: { probe: () => Promise.resolve({ kind: 'cancelled' }) },
    now: () => NOW_MS,
    disk: path === null ? null : { path, retentionMs: 1e12, rollUpRetentionMs: 1e12 },
  });
}

class FakeTracker implements Rememberer {
  readonly restored: unknown[] = [];
  knows: unknown = null;

  snapshot(): unknown {
    return this.knows;
  }

  restore(snapshot: unknown): boolean {
    this.restored.push(snapshot);
    return true;
  }
}

test('PathRecord goes on after a restart: trackers, latest change, latest hour, runs', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'history.db');
  {
    await using before = record(path);
    await before.learn([A, B]);
    before.apply([A, B]);
    const tracker = before.adopt(A, new FakeTracker());
    tracker.knows = { flows: [1] };
    for (let i = 10; i > 0; i--) {
      const atMs = NOW_MS - i * MINUTE_MS;
      const changes = i === 3 ? [rerouteOf(OLD, NEW, 2, atMs)] : [];
      before.observe(routeRound(A, { flows: [i > 3 ? OLD : NEW], atMs, changes }));
    }
    tracker.knows = { flows: [2] };
  }
  await using after = record(path);
  await after.learn([A, B]);
  const tracker = after.adopt(A, new FakeTracker());
  assert.deepEqual(tracker.restored, [{ flows: [2] }]);
  assert.deepEqual(after.adopt(B, new FakeTracker()).restored, []);
  after.apply([A, B]);
  assert.equal(after.lastChangeAtMs(A.key), NOW_MS - 3 * MINUTE_MS);
  const entry = after.api.board.entry(A.key);
  assert.equal(entry?.latest?.atMs, NOW_MS - MINUTE_MS);
  const recent = after.api.board.recent(A.key, NOW_MS);
  assert.equal(recent.rttMs.filter((rttMs) => rttMs !== null).length, 10);
  assert.equal(recent.paths.length, 2);
  const { items } = await after.api.history.changes({
    ...{ fromMs: 0, toMs: NOW_MS, target: A.key, kind: null, group: null, limit: 10, beforeId: null },
  });
  assert.equal(items.length, 1);
  // The next change tells the path that was in force before the restart.
  after.observe(routeRound(A, { flows: [OLD], atMs: NOW_MS, changes: [rerouteOf(NEW, OLD, 2, NOW_MS)] }));
  const change = after.api.board.entry(A.key)?.lastChange;
  assert.equal(change?.beforePathId, items[0]?.afterPathId);
});

test('PathRecord answers from memory while the disk is out of order', async () => {
  using folder = temporaryFolder();
  await using broken = record(join(folder.path, 'missing/history.db'));
  await broken.learn([A]);
  broken.apply([A]);
  broken.observe(routeRound(A, { flows: [OLD], atMs: NOW_MS - 1000 }));
  const period = { fromMs: NOW_MS - MINUTE_MS, toMs: NOW_MS };
  assert.equal((await broken.api.history.route(A.key, period)).runs, 1);
  assert.equal(broken.diskState?.healthy, false);
});

test('PathRecord does not take the tracker of a probe for that of a target', async () => {
  using folder = temporaryFolder();
  await using kept = record(join(folder.path, 'history.db'));
  await kept.learn([A]);
  kept.apply([A]);
  const own = kept.adopt(A, new FakeTracker());
  const probed = kept.adopt({ ...A, intervalMs: 0 }, new FakeTracker());
  let saved = 0;
  own.snapshot = () => ++saved;
  probed.snapshot = () => assert.fail('the tracker of a probe was saved');
  for (let i = 0; i < 20; i++) {
    kept.observe(routeRound(A, { flows: [OLD], atMs: NOW_MS + i }));
  }
  assert.equal(saved, 2);
});
