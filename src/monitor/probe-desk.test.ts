import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../config/load.ts';
import { MemoryFileSystem } from '../config/memory-file-system.ts';
import { type FakeAnswer, FakeEngine, FakeResolver } from './fake-engine.ts';
import { FakePathMemory } from './fake-path-memory.ts';
import { createMonitor, type Monitor, ProbeRequestError } from './monitor.ts';
import type { ProbeOutcome } from './probe-desk.ts';
import type { Round } from './round.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Setting {
  readonly clock: VirtualClock;
  readonly engine: FakeEngine;
  readonly resolver: FakeResolver;
  readonly monitor: Monitor;
  readonly memories: FakePathMemory[];
}

async function setting(
  text = '',
  names: Readonly<Record<string, readonly string[] | null>> = {},
): Promise<Setting> {
  const clock = new VirtualClock();
  const engine = new FakeEngine(clock);
  const resolver = new FakeResolver(names);
  const memories: FakePathMemory[] = [];
  const silent = (): void => {};
  const monitor = createMonitor({
    engine,
    resolver,
    clock,
    log: { debug: silent, warn: silent, error: silent },
    newPathMemory: () => {
      const memory = new FakePathMemory();
      memories.push(memory);
      return memory;
    },
    onRound: () => assert.fail('probes are nobody else’s business'),
  });
  monitor.apply((await loadConfig('x.yml', { targets: [] }, new MemoryFileSystem({ 'x.yml': text }))).config);
  return { clock, engine, resolver, monitor, memories };
}

const never: FakeAnswer = { durationMs: Number.POSITIVE_INFINITY, path: ['100.64.0.1'], reached: false };

function roundOf(outcome: ProbeOutcome): Round {
  assert.equal(outcome.kind, 'round');
  return (outcome as { round: Round }).round;
}

test('Monitor.probe() measures at once and remembers path and distance of the target', async () => {
  const { clock, engine, monitor, memories } = await setting('', { 'a.test': ['198.18.0.1'] });
  for (const hint of [null, 2]) {
    const probing = monitor.probe('a.test:8443', 'tcp', { deadlineMs: 5000, hostname: 'shown.test' });
    await clock.advance(20);
    const round = roundOf(await probing);
    assert.deepEqual([round.address, round.trace?.port, round.trace?.reached], ['198.18.0.1', 8443, true]);
    assert.equal(round.target.host, 'shown.test');
    assert.equal(engine.requests.at(-1)?.distanceHint, hint);
  }
  assert.deepEqual([memories.length, memories[0]?.seen.length], [1, 2]);
});

test('Monitor.probe() shares one trace among a hundred identical requests', async () => {
  const { clock, engine, monitor, resolver } = await setting('', { 'a.test': ['198.18.0.1'] });
  const probing = Array.from({ length: 100 }, (_, i) =>
    monitor.probe(i % 2 === 0 ? 'a.test' : 'A.Test.', 'icmp', { deadlineMs: 5000 - i }),
  );
  await clock.advance(20);
  const rounds = (await Promise.all(probing)).map(roundOf);
  assert.deepEqual([engine.requests.length, resolver.asked.length], [1, 1]);
  assert.ok(rounds.every(({ trace }) => trace?.reached));
  const other = monitor.probe('a.test', 'udp', { deadlineMs: 5000 });
  const later = monitor.probe('a.test', 'icmp', { deadlineMs: 5000 });
  await clock.advance(20);
  await Promise.all([other, later]);
  assert.equal(engine.requests.length, 3, 'another module, or a request after the end, gets its own');
});

test('Monitor.probe() takes port and family in place of those of the module, and shares no trace across them', async () => {
  const names = { 'a.test': ['198.18.0.1', '2001:db8::1'] };
  const { clock, engine, monitor } = await setting('', names);
  const deadlineMs = 5000;
  const probing = [
    monitor.probe('a.test:8443', 'tcp', { deadlineMs }),
    monitor.probe('a.test:8443', 'tcp', { deadlineMs, port: 80 }),
    monitor.probe('a.test:8443', 'tcp', { deadlineMs, family: 6 }),
    monitor.probe('a.test', 'icmp', { deadlineMs, port: 80 }),
  ];
  await clock.advance(20);
  const aims = (await Promise.all(probing)).map((outcome) => {
    const { address, trace } = roundOf(outcome);
    return [address, trace?.port];
  });
  assert.deepEqual(aims, [
    ['198.18.0.1', 8443],
    ['198.18.0.1', 80],
    ['2001:db8::1', 8443],
    ['198.18.0.1', null],
  ]);
  assert.equal(engine.requests.length, 4);
});

test('Monitor.probe() tells everyone who shares a trace how far it is', async () => {
  const { clock, engine, monitor } = await setting();
  engine.answer = (request) => ({ durationMs: 100, path: ['100.64.0.1', request.address], reached: true });
  const told: number[][] = [[], []];
  const probing = told.map((list) =>
    monitor.probe('198.18.0.1', 'icmp', {
      deadlineMs: 5000,
      onProgress: (partial) => list.push(partial.hops.length),
    }),
  );
  await clock.advance(100);
  await Promise.all(probing);
  assert.deepEqual(told, [[1], [1]]);
  assert.equal(engine.requests.length, 1);
});

test('Monitor.probe() does not share a trace that was given much less time', async () => {
  const { clock, engine, monitor } = await setting();
  engine.answer = () => ({ durationMs: 2000, path: ['198.18.0.1'], reached: true });
  const hasty = monitor.probe('198.18.0.1', 'icmp', { deadlineMs: 500 });
  const patient = monitor.probe('198.18.0.1', 'icmp', { deadlineMs: 9000 });
  await clock.advance(2000);
  assert.deepEqual(
    [roundOf(await hasty).trace?.reached, roundOf(await patient).trace?.reached],
    [false, true],
  );
  assert.equal(engine.requests.length, 2);
});

test('Monitor.probe() answers each request by its own deadline with what was measured', async () => {
  const { clock, engine, monitor, memories } = await setting();
  engine.answer = () => ({ ...never, stuck: true });
  const ends: [string, number][] = [];
  const start = (name: string, deadlineMs: number): Promise<Round> =>
    monitor.probe('198.18.0.1', 'icmp', { deadlineMs }).then((outcome) => {
      ends.push([name, clock.now()]);
      return roundOf(outcome);
    });
  const [long, short] = [start('long', 3000), start('short', 400)];
  const brief = start('brief', 30);
  await clock.advance(3000);
  assert.deepEqual(ends, [
    ['brief', 30],
    ['short', 400],
    ['long', 3000],
  ]);
  assert.deepEqual([(await short).trace?.hops.length, (await short).trace?.end], [1, 'deadline']);
  assert.equal((await short).path?.lastRespondingHop, 1);
  assert.deepEqual((await brief).failure, {
    reason: 'engine',
    message: 'Nothing was heard by the deadline of the probe',
  });
  assert.equal((await long).durationMs, 3000);
  assert.equal(memories[0]?.seen.length, 0, 'half a trace does not enter the memory');
  assert.equal(engine.requests.length, 1);
});

test('Monitor.probe() lets the engine end a little before the deadline, and the lookup take half of it', async () => {
  const { clock, engine, monitor, resolver } = await setting('', { 'slow.test': null });
  engine.answer = () => never;
  const probing = monitor.probe('198.18.0.1', 'icmp', { deadlineMs: 2000 });
  await clock.advance(1975);
  assert.deepEqual([engine.requests[0]?.timeoutMs, roundOf(await probing).trace?.end], [1975, 'deadline']);
  const unresolved = monitor.probe('slow.test', 'icmp', { deadlineMs: 2000 });
  await clock.advance(1000);
  const round = roundOf(await unresolved);
  assert.deepEqual([round.failure?.reason, round.trace, resolver.aborted], ['dns', null, 1]);
});

test('Monitor.probe() runs so many at a time, lets as many wait, and turns the rest away', async () => {
  const { clock, engine, monitor } = await setting('probe: { maxConcurrent: 3 }');
  engine.answer = (request) => ({ durationMs: 100, path: [request.address], reached: true });
  const probing = Array.from({ length: 8 }, (_, i) =>
    monitor.probe(`198.18.0.${i + 1}`, 'icmp', { deadlineMs: 5000 }),
  );
  const refused = await Promise.all(probing.slice(6));
  assert.deepEqual(
    refused.map(({ kind }) => kind),
    ['busy', 'busy'],
  );
  assert.match(
    refused[0]?.kind === 'busy' ? refused[0].message : '',
    /3 are running and 3 are waiting; try again later/,
  );
  const { probesRunning, probesWaiting } = monitor.counters();
  assert.deepEqual([probesRunning, probesWaiting], [3, 3]);
  await clock.advance(200);
  for (const outcome of await Promise.all(probing.slice(0, 6)))
    assert.equal(roundOf(outcome).trace?.reached, true);
  assert.deepEqual([engine.mostRunning, monitor.counters().probesRunning], [3, 0]);
});

test('Monitor.probe() tells a request whose turn does not come that it was too much', async () => {
  const { clock, engine, monitor } = await setting('probe: { maxConcurrent: 1 }');
  engine.answer = () => ({ ...never, stuck: true });
  const first = monitor.probe('198.18.0.1', 'icmp', { deadlineMs: 5000 });
  const second = monitor.probe('198.18.0.2', 'icmp', { deadlineMs: 1000 });
  await clock.advance(1000);
  assert.equal((await second).kind, 'busy');
  assert.equal(monitor.counters().probesWaiting, 0);
  await clock.advance(4000);
  assert.equal((await first).kind, 'round');
});

test('Monitor.probe() cancels a trace that nobody waits for any more', async () => {
  const { clock, engine, monitor } = await setting();
  engine.answer = () => never;
  const [one, other] = [new AbortController(), new AbortController()];
  const probing = [one, other].map(({ signal }) =>
    monitor.probe('198.18.0.1', 'icmp', { deadlineMs: 5000, signal }),
  );
  await clock.advance(100);
  one.abort();
  await clock.advance(100);
  assert.deepEqual([engine.running, engine.cancelled], [1, 0]);
  other.abort();
  await clock.advance(0);
  assert.deepEqual([engine.running, engine.cancelled], [0, 1]);
  for (const outcome of await Promise.all(probing)) assert.equal(roundOf(outcome).trace?.end, 'deadline');
});

test('Monitor.probe() refuses forbidden names and addresses, those that a name resolves to as well', async () => {
  const text = 'probe: { allow: [198.18.0.0/15, "*.ok.test"], deny: [198.18.7.0/24] }';
  const { clock, engine, monitor } = await setting(text, {
    'x.ok.test': ['198.18.7.1'],
    'y.test': ['203.0.113.1'],
  });
  const kinds: string[] = [];
  for (const host of ['198.18.7.1', '203.0.113.1', 'x.ok.test', 'y.test']) {
    const probing = monitor.probe(host, 'icmp', { deadlineMs: 5000 });
    await clock.advance(10);
    kinds.push((await probing).kind);
  }
  assert.deepEqual(
    [kinds, engine.requests.length],
    [['forbidden', 'forbidden', 'forbidden', 'forbidden'], 0],
  );
});

test('Monitor.probe() judges the address that it is about to trace, each time anew, as a rebinding name would not like', async () => {
  const { clock, engine, resolver, monitor } = await setting('', { 'rebind.test': ['198.18.0.1'] });
  const probe = async (): Promise<string> => {
    const probing = monitor.probe('rebind.test', 'icmp', { deadlineMs: 5000 });
    await clock.advance(50);
    return (await probing).kind;
  };
  assert.equal(await probe(), 'round');
  const sent = engine.requests.length;
  for (const address of ['169.254.169.254', '64:ff9b::a9fe:a9fe', '::ffff:169.254.169.254']) {
    resolver.table.set('rebind.test', [address]);
    assert.equal(await probe(), 'forbidden', address);
  }
  // Of several addresses the one that was traced before is kept, and no other is fallen back to unjudged.
  resolver.table.set('rebind.test', ['169.254.169.254', '198.18.0.1']);
  assert.equal(await probe(), 'round');
  assert.deepEqual(
    engine.requests.slice(sent).map(({ address }) => address),
    ['198.18.0.1'],
  );
});

test('Monitor.probe() rejects what cannot be meant', async () => {
  const { monitor } = await setting();
  const probe = (host: string, module: string): Promise<unknown> =>
    monitor.probe(host, module, { deadlineMs: 1000 });
  await assert.rejects(
    probe('a b', 'icmp'),
    (error) => error instanceof ProbeRequestError && error.code === 'bad-target',
  );
  await assert.rejects(
    probe('a', 'nope'),
    (error) => error instanceof ProbeRequestError && error.code === 'unknown-module',
  );
});
