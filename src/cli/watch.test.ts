import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliHarness, type HarnessOptions } from '../../test/cli-harness.ts';
import { type TraceEngine, TraceRefusal } from '../trace/trace.ts';
import { FakeScreen } from './fake-io.ts';

function terminal(options: HarnessOptions = {}): CliHarness {
  return new CliHarness({ isTTY: true, columns: 80, rows: 24, ...options });
}

function screenOf(harness: CliHarness): FakeScreen {
  return new FakeScreen(harness.io.out, harness.io.columns, harness.io.rows);
}

for (const [name, end] of [
  ['q', (harness: CliHarness) => harness.io.emit('key', 'q')],
  ['Ctrl-C in raw mode', (harness: CliHarness) => harness.io.emit('key', '\x03')],
  ['SIGINT', (harness: CliHarness) => harness.io.emit('SIGINT')],
  ['SIGTERM', (harness: CliHarness) => harness.io.emit('SIGTERM')],
] as const) {
  test(`trace --watch ends at ${name}, gives the screen back and leaves the final report`, async () => {
    const harness = terminal();
    const running = harness.start('trace', '198.18.0.1', '--watch');
    await harness.clock.advance(3500);
    assert.ok(screenOf(harness).alternate);
    assert.ok(end(harness));
    assert.equal(await running, 0);
    const screen = screenOf(harness);
    assert.ok(!screen.alternate);
    assert.ok(screen.cursorVisible);
    assert.match(
      screen.text,
      /^trace to 198\.18\.0\.1 with ICMP, at most 30 hops\n4 rounds, reached in all, 13 hops away\n/,
    );
    assert.equal(harness.io.subscriptions, 0);
    assert.equal(harness.clock.now(), 3500);
  });
}

test('trace --watch pauses at p and goes on at p', async () => {
  const harness = terminal();
  const running = harness.start('trace', '198.18.0.1', '--watch');
  await harness.clock.advance(2500);
  harness.io.emit('key', 'p');
  await harness.clock.advance(60_000);
  assert.match(screenOf(harness).text, /\n3 rounds, .*\n(.*\n)*q quit {2}p go on {2}r reset {3}paused\n$/);
  harness.io.emit('key', 'p');
  await harness.clock.advance(500);
  assert.match(screenOf(harness).text, /\n4 rounds, .*\n(.*\n)*q quit {2}p pause {2}r reset\n$/);
  harness.io.emit('key', 'q');
  assert.equal(await running, 0);
});

test('trace --watch begins anew at r', async () => {
  const harness = terminal();
  const running = harness.start('trace', '198.18.0.1', '--watch');
  await harness.clock.advance(10_500);
  harness.io.emit('key', 'r');
  await harness.clock.advance(2000);
  assert.match(screenOf(harness).text, /\n2 rounds, /);
  harness.io.emit('key', 'q');
  await running;
});

test('trace --watch sends rounds at the interval and ends after --count', async () => {
  const harness = new CliHarness();
  assert.equal(
    await harness.run(
      'trace',
      '198.18.0.1',
      '--watch',
      '--count',
      '5',
      '--interval',
      '2s',
      '--output',
      'json',
    ),
    0,
  );
  const starts = harness.io.out
    .trim()
    .split('\n')
    .map((line) => Date.parse(JSON.parse(line).startedAt) - Date.UTC(2026, 10, 23, 9));
  assert.deepEqual(starts, [0, 2000, 4000, 6000, 8000]);
});

test('trace --watch uses the distance of the round before', async () => {
  const harness = new CliHarness();
  await harness.run('trace', '198.18.0.1', '--watch', '--count', '3', '--output', 'json');
  const sent = harness.io.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).probesSent);
  assert.ok(
    sent.slice(1).every((probes) => probes <= 13 + 2),
    String(sent),
  );
});

test('trace --watch without a terminal writes only the final report, in whole lines', async () => {
  const harness = new CliHarness({ scenario: 'mpls' });
  assert.equal(await harness.run('trace', '2001:db8:1::1', '--watch', '--count', '2'), 0);
  assert.doesNotMatch(harness.io.out, /\[/);
  assert.match(
    harness.io.out,
    /^trace to .*\n2 rounds, reached in all, 8 hops away\nhop {2}address .*stdev\n {2}1 /,
  );
});

test('trace --watch ends with 1 when the destination never answered, and says so', async () => {
  const harness = new CliHarness({ scenario: 'silent-tail' });
  assert.equal(await harness.run('trace', '198.18.0.1', '--watch', '--count', '2'), 1);
  assert.match(harness.io.out, /\n2 rounds, not reached\n/);
  assert.match(harness.io.out, /\n {2}7 {2}\* +- +0\.0 +2\n/);
});

test('trace --watch stopped in its first round says that it has nothing', async () => {
  const harness = new CliHarness({ scenario: 'silent-tail' });
  const running = harness.start('trace', '198.18.0.1', '--watch');
  await harness.clock.advance(5);
  harness.io.emit('SIGINT');
  assert.equal(await running, 1);
  assert.equal(harness.io.err, 'hopscope: stopped before the first round to 198.18.0.1 was over\n');
});

test('trace --watch gives the screen back before it says what the engine refuses', async () => {
  const error = new TraceRefusal('closed', 'The engine was closed while the trace ran');
  const harness: CliHarness = terminal({
    services: {
      startEngine: () => {
        const engine = harness.openEngine({});
        let rounds = 0;
        const trace: TraceEngine['trace'] = (request, options) =>
          ++rounds === 3 ? Promise.reject(error) : engine.trace(request, options);
        return Promise.resolve({
          trace,
          channels: () => engine.channels(),
          counters: () => engine.counters(),
          [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
        });
      },
    },
  });
  assert.equal(await harness.run('trace', '198.18.0.1', '--watch'), 3);
  assert.ok(!screenOf(harness).alternate);
  assert.equal(harness.io.err, `hopscope: ${error.message}\n`);
  assert.equal(harness.io.subscriptions, 0);
});

test('trace --watch draws anew after a resize, with fewer columns where there is no room', async () => {
  const harness = terminal();
  const running = harness.start('trace', '198.18.0.1', '--watch');
  await harness.clock.advance(1500);
  assert.match(screenOf(harness).text, / last +avg +best +worst +stdev\n/);
  harness.io.out = '';
  harness.io.resize(56, 12);
  const screen = screenOf(harness);
  assert.match(screen.text, /hop {2}address {10}loss% {2}answ% {2}sent {4}last {5}avg\n/);
  assert.equal(screen.lines.length, 12);
  harness.io.emit('key', 'q');
  await running;
});

test('trace --watch restores the terminal when the process ends in the middle', async () => {
  const harness = terminal();
  const running = harness.start('trace', '198.18.0.1', '--watch');
  await harness.clock.advance(1500);
  harness.io.emit('exit');
  assert.ok(!screenOf(harness).alternate);
  assert.ok(screenOf(harness).cursorVisible);
  harness.io.emit('key', 'q');
  await running;
});
