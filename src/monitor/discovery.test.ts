import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../config/load.ts';
import { MemoryFileSystem } from '../config/memory-file-system.ts';
import { createPathTracker } from '../path/tracker.ts';
import { FakeEngine, FakeResolver } from './fake-engine.ts';
import { createMonitor } from './monitor.ts';
import type { Round } from './round.ts';
import { VirtualClock } from './virtual-clock.ts';

const DESTINATION = '198.18.0.1';

test('Monitor searches for parallel paths at first, after a change, and hourly', async () => {
  const clock = new VirtualClock();
  let way = ['100.64.0.1', '100.64.1.1', '100.64.2.1', DESTINATION];
  const engine = new FakeEngine(clock, (request) => ({
    durationMs: 20,
    path: way.slice(request.firstTtl - 1, request.maxTtl),
    reached: request.maxTtl >= way.length,
    multipath: {
      confidence: 95,
      interfaces: way.map((address, i) => (i === 1 ? [address, '100.64.1.2'] : [address])),
      perPacketTtls: [],
      probesSent: 60,
      complete: true,
    },
  }));
  const searches = (): number => engine.requests.filter(({ multipath }) => multipath === 95).length;
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
    'x.yml': `defaults: { flows: 1, multipath: 95, timeout: 5s }\ntargets: [{ host: ${DESTINATION}, interval: 10s }]`,
  });
  monitor.apply((await loadConfig('x.yml', { targets: [] }, files)).config);
  await clock.advance(105_000);
  assert.equal(searches(), 1, 'the first round only');
  const [first] = engine.requests.filter(({ multipath }) => multipath === 95);
  assert.ok(first !== undefined && first.timeoutMs <= 4000, 'time is left to confirm a change');

  way = ['100.64.0.1', '100.64.1.9', '100.64.2.9', DESTINATION];
  await clock.advance(50_000);
  assert.deepEqual(
    rounds.flatMap(({ path }) => path?.changes ?? []).map(({ kind }) => kind),
    ['reroute'],
  );
  assert.equal(searches(), 2, 'once after the change');
  assert.ok(
    engine.requests.every(({ multipath, firstTtl }) => multipath !== 95 || firstTtl === 1),
    'a confirmation is no search',
  );

  await clock.advance(3_500_000);
  assert.equal(searches(), 2, 'not within the hour');
  await clock.advance(200_000);
  assert.equal(searches(), 3, 'hourly');

  // What the search met beside the flow is no reroute when the flow is moved there.
  way = ['100.64.0.1', '100.64.1.2', '100.64.2.9', DESTINATION];
  await clock.advance(50_000);
  assert.ok(
    rounds
      .flatMap(({ path }) => path?.changes ?? [])
      .every(({ kind, after }) => kind !== 'reroute' || after.flat().includes('100.64.1.9')),
  );
});

test('Monitor asks for no search where the module wants none', async () => {
  const clock = new VirtualClock();
  const engine = new FakeEngine(clock);
  const silent = (): void => {};
  const monitor = createMonitor({
    engine,
    resolver: new FakeResolver(),
    clock,
    newPathMemory: ({ module }) => createPathTracker({ flows: module.flows }),
    log: { debug: silent, warn: silent, error: silent },
    onRound: silent,
  });
  monitor.apply((await loadConfig(undefined, { targets: [DESTINATION] }, new MemoryFileSystem({}))).config);
  await clock.advance(200_000);
  assert.ok(engine.requests.length > 1);
  assert.ok(engine.requests.every(({ multipath }) => (multipath ?? null) === null));
});
