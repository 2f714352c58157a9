import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../config/load.ts';
import { MemoryFileSystem } from '../config/memory-file-system.ts';
import { createPathTracker } from '../path/tracker.ts';
import { FakeEngine, FakeResolver } from './fake-engine.ts';
import { createMonitor } from './monitor.ts';
import type { Round } from './round.ts';
import { VirtualClock } from './virtual-clock.ts';

test('Monitor feeds a path tracker: a change is re-probed in the same round and published once with it', async () => {
  const clock = new VirtualClock();
  let way = ['100.64.0.1', '100.64.1.1', '100.64.2.1', '198.18.0.1'];
  const engine = new FakeEngine(clock, (request) => ({
    durationMs: 20,
    path: way.slice(request.firstTtl - 1, request.maxTtl),
    reached: request.maxTtl >= way.length,
  }));
  const rounds: Round[] = [];
  const silent = (): void => {};
  const monitor = createMonitor({
    engine,
    resolver: new FakeResolver(),
    clock,
    newPathMemory: ({ module }) => createPathTracker({ flows: module.flows }),
    log: { debug: silent, warn: silent, error: silent },
    onRound: (round) => rounds.push(round),
  });
  const files = new MemoryFileSystem({
    'x.yml': 'defaults: { flows: 1 }\ntargets: [{ host: 198.18.0.1, interval: 10s }]',
  });
  monitor.apply((await loadConfig('x.yml', { targets: [] }, files)).config);
  await clock.advance(105_000);
  const before = rounds.at(-1)?.path?.pathId;
  const asked = engine.requests.length;
  assert.equal(asked, rounds.length, 'a path that stays costs one trace a round');
  way = ['100.64.0.1', '100.64.1.9', '100.64.2.9', '198.18.0.1'];
  await clock.advance(50_000);
  const changes = rounds.flatMap(({ path }) => path?.changes ?? []);
  assert.deepEqual(
    changes.map(({ kind, firstHop }) => [kind, firstHop]),
    [['reroute', 2]],
  );
  assert.ok(engine.requests.length > rounds.length, 'it was probed again');
  assert.notEqual(rounds.at(-1)?.path?.pathId, before);
});
