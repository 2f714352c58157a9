import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { MemoryFileSystem } from '../config/memory-file-system.ts';
import { TraceRefusal, type TraceRequest } from '../trace/trace.ts';
import { type FakeAnswer, FakeEngine, FakeResolver } from './fake-engine.ts';
import { FakePathMemory } from './fake-path-memory.ts';
import { ENGINE_GRACE_MS, MAX_CONFIRMATIONS } from './measure.ts';
import { createMonitor, type Monitor, type MonitorLog } from './monitor.ts';
import type { Round } from './round.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Setting {
  readonly clock: VirtualClock;
  readonly engine: FakeEngine;
  readonly resolver: FakeResolver;
  readonly monitor: Monitor;
  readonly rounds: Round[];
  readonly memories: FakePathMemory[];
  readonly log: string[];
}

/** One whose time of day steps, as when it is set. */
class SteppingClock extends VirtualClock {
  stepMs = 0;
  override epoch(): number {
    return super.epoch() + this.stepMs;
  }
}

function setting(
  names: Readonly<Record<string, readonly string[] | null>> = {},
  epochMs?: number,
  clock = new VirtualClock(epochMs),
): Setting {
  const engine = new FakeEngine(clock);
  const resolver = new FakeResolver(names);
  const rounds: Round[] = [];
  const memories: FakePathMemory[] = [];
  const log: string[] = [];
  const write = (_: object, message: string): void => void log.push(message);
  const sink: MonitorLog = { debug: write, warn: write, error: write };
  const newPathMemory = (): FakePathMemory => {
    const memory = new FakePathMemory();
    memories.push(memory);
    return memory;
  };
  const onRound = (round: Round): void => void rounds.push(round);
  const monitor = createMonitor({ engine, resolver, clock, newPathMemory, log: sink, onRound });
  return { clock, engine, resolver, monitor, rounds, memories, log };
}

async function config(text: string): Promise<Config> {
  return (await loadConfig('x.yml', { targets: [] }, new MemoryFileSystem({ 'x.yml': text }))).config;
}

const never: FakeAnswer = { durationMs: Number.POSITIVE_INFINITY, path: ['100.64.0.1'], reached: false };

test('Monitor measures each target once an interval, soon after the start, on numeric addresses without the resolver', async () => {
  const { clock, monitor, rounds, resolver } = setting();
  monitor.apply(
    await config('targets: [{ host: 198.18.0.1, interval: 10s }, { host: "2001:db8::1", interval: 20s }]'),
  );
  await clock.advance(1100);
  assert.deepEqual(rounds.map(({ address }) => address).sort(), ['198.18.0.1', '2001:db8::1']);
  await clock.advance(200_000);
  const count = (host: string): number => rounds.filter(({ target }) => target.host === host).length;
  assert.ok(Math.abs(count('198.18.0.1') - 21) <= 1, String(count('198.18.0.1')));
  assert.ok(Math.abs(count('2001:db8::1') - 11) <= 1, String(count('2001:db8::1')));
  assert.deepEqual(resolver.asked, []);
  const [first] = rounds;
  assert.deepEqual(
    [first?.dnsLookupMs, first?.failure, first?.trace?.reached, first?.durationMs],
    [0, null, true, 20],
  );
});

test('Monitor spreads five thousand targets over the interval, and a restart keeps their turns', async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `  - 198.18.${i >> 8}.${i & 255}`);
  // The first addresses of a network are fine as hosts; the text is a list of plain addresses.
  const loaded = await config(`defaults: { interval: 60s }\ntargets:\n${lines.join('\n')}\n`);
  const turnsOf = async (epochMs: number): Promise<Map<string, number>> => {
    const { clock, monitor, rounds, engine } = setting({}, epochMs);
    monitor.apply(loaded);
    await clock.advance(120_000);
    rounds.length = 0;
    await clock.advance(60_000);
    assert.equal(rounds.length, 5000);
    const perSecond = new Array<number>(60).fill(0);
    for (const { startedAtMs } of rounds) {
      const second = Math.floor(startedAtMs / 1000) % 60;
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    assert.ok(Math.max(...perSecond) < 129 && Math.min(...perSecond) > 38, String(perSecond));
    assert.ok(engine.mostRunning < 30, `${engine.mostRunning} at once`);
    assert.equal(monitor.counters().roundsLate, 0);
    return new Map(rounds.map(({ target, startedAtMs }) => [target.key, startedAtMs % 60_000]));
  };
  const [before, after] = [await turnsOf(1_700_000_000_000), await turnsOf(1_700_000_017_331)];
  for (const [key, turn] of before) assert.ok(Math.abs((after.get(key) ?? 0) - turn) < 1, key);
});

test('Monitor does not start a target twice: the turn is counted late, and others are not delayed', async () => {
  const { clock, engine, monitor, rounds, log } = setting();
  engine.answer = (request) =>
    request.address === '198.18.0.1'
      ? { durationMs: 25_000, path: [], reached: false, stuck: true }
      : { durationMs: 20, path: [request.address], reached: true };
  monitor.apply(
    await config('targets: [{ host: 198.18.0.1, interval: 10s }, { host: 198.18.0.2, interval: 10s }]'),
  );
  await clock.advance(101_000);
  const slow = monitor.target('198.18.0.1/icmp');
  const quick = monitor.target('198.18.0.2/icmp');
  assert.ok((slow?.late ?? 0) >= 4, String(slow?.late));
  assert.deepEqual([quick?.late, monitor.counters().roundsLate], [0, slow?.late]);
  assert.ok((quick?.rounds ?? 0) >= 10);
  assert.ok(
    engine.requests.length > 0 && rounds.length > 10 && log.some((line) => line.includes('Round late')),
  );
  // An engine that does not keep its deadline is given up after its grace.
  const failure = slow?.lastRound?.failure;
  assert.deepEqual([failure?.reason, slow?.lastRound?.durationMs], ['engine', 9500 + ENGINE_GRACE_MS]);
});

test('Monitor resolves names anew each round, keeps the address while it stands, and reports failures as rounds', async () => {
  const { clock, resolver, monitor, rounds } = setting({ 'a.test': ['198.18.0.2', '198.18.0.3'] });
  monitor.apply(await config('targets: [{ host: a.test, interval: 10s }]'));
  const step = async (addresses: readonly string[] | null | undefined): Promise<Round | undefined> => {
    if (addresses === undefined) resolver.table.delete('a.test');
    else resolver.table.set('a.test', addresses);
    const had = rounds.length;
    while (rounds.length === had) await clock.advance(100);
    return rounds.at(-1);
  };
  assert.equal((await step(['198.18.0.2', '198.18.0.3']))?.address, '198.18.0.2');
  assert.equal((await step(['198.18.0.1', '198.18.0.2']))?.address, '198.18.0.2', 'a lower one appears');
  assert.equal((await step(['198.18.0.3', '198.18.0.1']))?.address, '198.18.0.1', 'its own went away');
  const gone = await step(undefined);
  assert.deepEqual(
    [gone?.failure?.reason, gone?.trace, gone?.path, gone?.address],
    ['dns', null, null, null],
  );
  const hanging = await step(null);
  assert.match(hanging?.failure?.message ?? '', /no answer within 4750 ms; check the servers/);
  assert.deepEqual([hanging?.dnsLookupMs, hanging?.durationMs, resolver.aborted], [4750, 4750, 1]);
  assert.match((await step(['0.0.0.0']))?.failure?.message ?? '', /names no host/);
  assert.equal((await step(['198.18.0.1']))?.address, '198.18.0.1', 'it recovers');
  assert.equal(monitor.target('a.test/icmp')?.failures.dns, 3);
});

test('Monitor tells refusals of the engine from its breakdowns, and both are rounds', async () => {
  const { clock, engine, monitor, rounds } = setting();
  const errors = [new TraceRefusal('privilege', 'Cannot open a socket'), new Error('worker ended')];
  engine.answer = () => ({
    durationMs: 1,
    path: [],
    reached: false,
    error: errors.shift() ?? new Error('more'),
  });
  monitor.apply(await config('targets: [{ host: 198.18.0.1, interval: 10s }]'));
  await clock.advance(30_000);
  assert.deepEqual(
    rounds.slice(0, 2).map(({ failure }) => failure),
    [
      { reason: 'refused', message: 'Cannot open a socket' },
      { reason: 'engine', message: 'worker ended' },
    ],
  );
});

test('Monitor refuses a numeric target whose family its module does not have', async () => {
  const { clock, monitor, rounds, engine } = setting();
  monitor.apply(
    await config(
      'modules: { six: { protocol: icmp, family: 6 } }\ntargets: [{ host: 198.18.0.1, module: six }]',
    ),
  );
  await clock.advance(2000);
  assert.deepEqual(rounds[0]?.failure, {
    reason: 'refused',
    message: 'Cannot trace "198.18.0.1": module six is for IPv6 only',
  });
  assert.equal(engine.requests.length, 0);
});

test('Monitor asks for what the module says, with the distance found last time', async () => {
  const { clock, engine, monitor } = setting({ 'a.test': ['198.18.0.1'] });
  monitor.apply(
    await config(
      'modules: { t: { protocol: tcp, queries: 2, flows: 3, maxTtl: 9, timeout: 3s } }\ntargets: [{ host: "a.test:8443", module: t, interval: 10s }]',
    ),
  );
  await clock.advance(20_000);
  const [first, second] = engine.requests as [TraceRequest, TraceRequest];
  const { target, address, protocol, port, queries, flows, maxTtl, timeoutMs, distanceHint } = first;
  assert.deepEqual(
    [target, address, protocol, port, queries, flows, maxTtl, timeoutMs, distanceHint],
    ['a.test:8443', '198.18.0.1', 'tcp', 8443, 2, 3, 9, 3000, null],
  );
  assert.equal(second.distanceHint, 2);
});

test('Monitor probes again at once what the path memory doubts, a bounded number of times, and publishes one round', async () => {
  const { clock, engine, monitor, rounds, memories } = setting();
  monitor.apply(await config('targets: [{ host: 198.18.0.1, interval: 10s }]'));
  const [memory] = memories;
  assert.ok(memory);
  for (let i = 0; i < 20; i++) memory.wishes.push({ flow: 2, flows: 2, firstTtl: 3, maxTtl: 5 });
  const change = {
    kind: 'reroute',
    atMs: 1,
    firstHop: 3,
    flow: 2,
    before: [],
    after: [],
    confidence: 1,
  } as const;
  memory.changesAt.set(3, change);
  await clock.advance(2000);
  assert.equal(engine.requests.length, 1 + MAX_CONFIRMATIONS);
  for (const { firstFlow, flows, firstTtl, maxTtl, queries } of engine.requests.slice(1)) {
    assert.deepEqual([firstFlow, flows, firstTtl, maxTtl, queries], [2, 2, 3, 5, 1]);
  }
  assert.equal(rounds.length, 1);
  assert.deepEqual(
    [rounds[0]?.path?.changes, rounds[0]?.path?.pathId, rounds[0]?.trace?.flows.length],
    [[change], `id${1 + MAX_CONFIRMATIONS}`, 4],
  );
});

test('Monitor confirms nothing when the round has no time left, and keeps the trace when confirming fails', async () => {
  const { clock, engine, monitor, rounds, memories } = setting();
  monitor.apply(await config('targets: [{ host: 198.18.0.1, interval: 10s }]'));
  const [memory] = memories;
  assert.ok(memory);
  memory.wishes.push(
    { flow: 0, flows: 1, firstTtl: 1, maxTtl: 2 },
    { flow: 0, flows: 1, firstTtl: 1, maxTtl: 2 },
  );
  engine.answer = (request) =>
    request.flows === 1
      ? { durationMs: 1, path: [], reached: false, error: new Error('no') }
      : { durationMs: 20, path: ['198.18.0.1'], reached: true };
  await clock.advance(2000);
  assert.deepEqual([rounds.length, rounds[0]?.failure, rounds[0]?.trace?.reached], [1, null, true]);
  engine.answer = () => never;
  const before = engine.requests.length;
  await clock.advance(30_000);
  assert.ok(engine.requests.slice(before).every(({ flows }) => flows === 4));
});

test('Monitor.apply() keeps memory, counters and turns of targets that stay, adds and removes the others', async () => {
  const { clock, engine, monitor, rounds, memories } = setting();
  monitor.apply(
    await config('targets: [{ host: 198.18.0.1, interval: 10s }, { host: 198.18.0.2, interval: 10s }]'),
  );
  await clock.advance(40_000);
  const status = monitor.target('198.18.0.1/icmp');
  const turns = rounds
    .filter(({ address }) => address === '198.18.0.1')
    .map(({ startedAtMs }) => startedAtMs % 10_000);
  const had = status?.rounds ?? 0;
  engine.answer = (request) =>
    request.address === '198.18.0.2' ? never : { durationMs: 20, path: [request.address], reached: true };
  await clock.advance(10_000);
  monitor.apply(
    await config(
      'targets: [{ host: 198.18.0.3, interval: 10s }, { host: 198.18.0.1, interval: 10s, expectedHops: 3 }]',
    ),
  );
  assert.equal(monitor.target('198.18.0.2/icmp'), undefined);
  assert.deepEqual(
    monitor.targets().map(({ target }) => target.host),
    ['198.18.0.3', '198.18.0.1'],
  );
  assert.equal(monitor.target('198.18.0.1/icmp'), status);
  rounds.length = 0;
  await clock.advance(30_000);
  assert.ok((status?.rounds ?? 0) >= had + 3);
  assert.equal(
    rounds.some(({ address }) => address === '198.18.0.2'),
    false,
  );
  assert.ok(rounds.some(({ address }) => address === '198.18.0.3'));
  const kept = rounds.filter(({ address }) => address === '198.18.0.1');
  assert.ok(Math.abs(((kept[0]?.startedAtMs ?? 0) % 10_000) - (turns.at(-1) ?? 0)) < 1);
  assert.equal(kept[0]?.target.expectedHops, 3);
  assert.equal(memories.length, 3, 'one memory for each target, none made anew');
});

test('Monitor.apply() cancels the round of a removed target, and forgets paths whose flows are others now', async () => {
  const { clock, engine, monitor, rounds, memories } = setting();
  engine.answer = () => never;
  monitor.apply(await config('targets: [{ host: 198.18.0.1, interval: 60s }]'));
  await clock.advance(1000);
  assert.equal(engine.running, 1);
  monitor.apply(await config('targets: []'));
  await clock.advance(0);
  assert.deepEqual(
    [engine.running, engine.cancelled, rounds.length, monitor.counters().roundsRunning],
    [0, 1, 0, 0],
  );
  monitor.apply(await config('targets: [198.18.0.5]'));
  monitor.apply(await config('defaults: { flows: 8 }\ntargets: [198.18.0.5]'));
  assert.deepEqual(
    memories.map(({ closed }) => closed),
    [true, true, false],
  );
});

test('Monitor.stop() starts nothing more, lets rounds finish within the grace, and cancels the rest', async () => {
  const { clock, engine, monitor, rounds } = setting();
  engine.answer = (request) =>
    request.address === '198.18.0.1' ? { durationMs: 2000, path: [request.address], reached: true } : never;
  monitor.apply(await config('targets: [198.18.0.1, 198.18.0.2]'));
  await clock.advance(1000);
  assert.equal(engine.running, 2);
  let stopped = false;
  const probing = monitor.probe('198.18.0.2', undefined, { deadlineMs: 9000 });
  const stopping = monitor.stop(3000).then(() => {
    stopped = true;
  });
  assert.equal((await monitor.probe('198.18.0.9', undefined, { deadlineMs: 1000 })).kind, 'busy');
  await clock.advance(2999);
  assert.deepEqual([stopped, rounds.map(({ address }) => address)], [false, ['198.18.0.1']]);
  await clock.advance(1);
  await stopping;
  const probed = await probing;
  assert.equal(probed.kind === 'round' && probed.round.trace?.end, 'deadline');
  const started = engine.requests.length;
  await clock.advance(600_000);
  assert.deepEqual([engine.running, engine.requests.length, rounds.length], [0, started, 1]);
});

test('Monitor survives a listener that throws', async () => {
  const { clock, engine, resolver } = setting();
  const log: string[] = [];
  const write = (_: object, message: string): void => void log.push(message);
  let calls = 0;
  const monitor = createMonitor({
    engine,
    resolver,
    clock,
    newPathMemory: () => new FakePathMemory(),
    log: { debug: write, warn: write, error: write },
    onRound: () => {
      calls++;
      throw new Error('listener');
    },
  });
  monitor.apply(await config('targets: [{ host: 198.18.0.1, interval: 1s }]'));
  await clock.advance(10_000);
  assert.ok(calls >= 9 && log.includes('A listener failed on a round'));
});

test('Monitor accounts for every turn: traced, failed, cancelled, late or running, whatever comes and goes', async () => {
  const { clock, monitor, rounds, engine } = setting({ 'gone.example': null });
  const account = (): { due: number; sum: number } => {
    const { roundsDue, roundsLate, roundsRunning, roundsEnded } = monitor.counters();
    const { traced, failed, cancelled } = roundsEnded;
    return { due: roundsDue, sum: traced + failed + cancelled + roundsLate + roundsRunning };
  };
  const all = ['198.18.0.1', '198.18.0.2', '198.18.0.3', 'gone.example'];
  const listed = (hosts: readonly string[]): Promise<Config> =>
    config(`defaults: { interval: 10s }\ntargets:\n${hosts.map((host) => `  - ${host}`).join('\n')}\n`);
  monitor.apply(await listed(all));
  await clock.advance(30_000);
  const quick = engine.answer;
  engine.answer = (request) => (request.address === '198.18.0.2' ? never : quick(request));
  for (let i = 0; i < 8; i++) {
    monitor.apply(await listed(all.filter((_, at) => at !== i % 4)));
    await clock.advance(7000);
    const { due, sum } = account();
    assert.equal(due, sum);
  }
  await monitor.stop(0);
  const { due, sum } = account();
  const { roundsEnded, roundsRunning } = monitor.counters();
  assert.equal(due, sum);
  assert.equal(roundsEnded.traced + roundsEnded.failed, rounds.length);
  assert.ok(roundsEnded.failed > 0 && roundsEnded.cancelled > 0, JSON.stringify(roundsEnded));
  assert.equal(roundsRunning, 0);
});

test('Monitor measures each target once an interval whatever steps the time of day makes, and says when by it', async () => {
  const clock = new SteppingClock();
  const { monitor, rounds } = setting({}, undefined, clock);
  const listed = await config('defaults: { interval: 10s }\ntargets: [198.18.0.1, 198.18.0.2]\n');
  monitor.apply(listed);
  await clock.advance(30_000);
  for (const stepMs of [3_600_000, -7_200_000, 1, -86_400_000]) {
    clock.stepMs += stepMs;
    rounds.length = 0;
    await clock.advance(50_000);
    monitor.apply(listed);
    await clock.advance(50_000);
    assert.equal(rounds.length, 20);
    for (const { startedAtMs } of rounds) assert.ok(Math.abs(clock.epoch() - startedAtMs) <= 100_000);
  }
  assert.equal(monitor.counters().roundsLate, 0);
});
