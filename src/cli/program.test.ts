import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliHarness, type HarnessOptions } from '../../test/cli-harness.ts';
import { sampleTrace } from '../../test/sample-rounds.ts';
import { NetError } from '../net/net-error.ts';
import {
  type EngineChannel,
  type EngineCounters,
  type Trace,
  type TraceEngine,
  type TraceOptions,
  TraceRefusal,
  type TraceRequest,
} from '../trace/trace.ts';
import { FakeScreen } from './fake-io.ts';
import { runCli } from './program.ts';

/** Runs a command that must fail before anything is traced; returns its one sentence. */
async function complaint(
  argv: readonly string[],
  status: number,
  options: HarnessOptions = {},
): Promise<string> {
  const harness = new CliHarness(options);
  assert.equal(await harness.run(...argv), status, argv.join(' '));
  assert.equal(harness.io.out, '');
  assert.match(harness.io.err, /^hopscope: [^\n]+\n$/, argv.join(' '));
  assert.equal(harness.engines.length, 0);
  assert.equal(harness.io.subscriptions, 0);
  return harness.io.err.slice('hopscope: '.length, -1);
}

test('runCli() answers wrong usage with one sentence on standard error and status 2', async () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['example.org', 'there is no command "example.org"; to trace a host write: hopscope trace example.org'],
    ['trce example.org', 'there is no command "trce"; did you mean "trace"?'],
    ['--frobnicate', 'unknown option \'--frobnicate\'; see "hopscope --help"'],
    ['trace', 'missing required argument \'host\'; see "hopscope trace --help"'],
    [
      'trace --protcol udp x',
      'unknown option \'--protcol\' (Did you mean --protocol?); see "hopscope trace --help"',
    ],
    ['trace x --protocol sctp', '--protocol is icmp, udp or tcp; "sctp" is not'],
    ['trace x --mode root', '--mode is auto, raw or unprivileged; "root" is not'],
    ['trace x --output xml', '--output is table, json, atlas or prometheus; "xml" is not'],
    ['trace x --max-ttl 256', '--max-ttl is a whole number from 1 to 255; "256" is not'],
    ['trace x --queries 1e1', '--queries is a whole number from 1 to 100; "1e1" is not'],
    [
      'trace x --queries 50 --flows 64',
      '--queries 50 with --flows 64 and --max-ttl 30 is too much at once; use fewer, or --watch',
    ],
    ['trace x --flows 65', '--flows is a whole number from 1 to 64; "65" is not'],
    ['trace x --first-ttl 9 --max-ttl 8', '--first-ttl 9 lies beyond --max-ttl 8; make it smaller'],
    ['trace x --timeout 5', '--timeout is a duration with a unit, as in 500ms, 2s or 1m; "5" is not'],
    ['trace x --timeout 1h', '--timeout is from 100ms to 300s; "1h" is not'],
    ['trace x --packet-length 40', '--packet-length is 0 for the smallest, or 64 to 65535; it is 40'],
    ['trace x --port 80', 'ICMP has no ports; add --protocol tcp or udp, or leave out --port'],
    ['trace x --protocol tcp --port 0', '--port is a whole number from 1 to 65535; "0" is not'],
    [
      'trace x:80 --protocol tcp --port 443',
      'x comes with port 80 and --port says 443; leave out one of them',
    ],
    ['trace x -4 -6', '-4 and -6 exclude one another; give one of them, or none for whichever the host has'],
    ['trace ::1 -4', '::1 is an IPv6 address; leave out -4'],
    ['trace x --tos 256', '--tos is 0 to 255, or 0x0 to 0xff; "256" is not'],
    ['trace x --tos 0xzz', '--tos is 0 to 255, or 0x0 to 0xff; "0xzz" is not'],
    ['trace x --count 3', '--count belongs to --watch; add --watch, or use --queries for more probes a hop'],
    ['trace x --multipath 90', '--multipath is 95 or 99; "90" is not'],
    [
      'trace x --multipath 95 --watch',
      '--multipath is asked once and --watch again and again; leave out one of them',
    ],
    ['trace x --mtu --watch', '--mtu is asked once and --watch again and again; leave out one of them'],
    ['trace x y --watch', '--watch shows one host and 2 are given; run it once for each'],
    [
      'trace x y --output prometheus',
      '--output prometheus is what /probe answers for one host and 2 are given; run it once for each',
    ],
    ['trace foo/24', '"foo/24" is not a host (it has a "/" in it); write the host name or IP address alone'],
    ['serve --log.level loud', '--log.level is debug, info, warn or error; "loud" is not'],
    [
      'serve --config.fil x',
      'unknown option \'--config.fil\' (Did you mean --config.file?); see "hopscope serve --help"',
    ],
  ];
  for (const [line, sentence] of wrong) assert.equal(await complaint(line.split(' '), 2), sentence);
  assert.match(await complaint(['trace', 'two words'], 2), /has a space in it/);
  assert.match(await complaint(['trace', ''], 2), /is empty/);
  assert.match(await complaint(['trace', `${'a'.repeat(300)}.org`], 2), /too long/);
  assert.match(await complaint(['trace', ...Array<string>(257).fill('x')], 2), /more than the 256/);
});

test('runCli() without a command prints help on standard error with status 2', async () => {
  const harness = new CliHarness();
  assert.equal(await harness.run(), 2);
  assert.match(harness.io.err, /^Usage: hopscope <command>/);
  assert.equal(harness.io.out, '');
});

test('runCli() prints the version', async () => {
  const harness = new CliHarness();
  assert.equal(await harness.run('--version'), 0);
  assert.equal(harness.io.out, '1.2.3\n');
});

test('trace understands host:port and a URL', async () => {
  for (const host of ['198.18.0.1:443', 'https://198.18.0.1/some/where']) {
    const harness = new CliHarness();
    assert.equal(await harness.run('trace', host, '--protocol', 'tcp', '--output', 'json'), 0);
    const { port, target, reached } = JSON.parse(harness.io.out);
    assert.deepEqual({ port, target, reached }, { port: 443, target: '198.18.0.1', reached: true });
  }
});

test('trace of an unknown host says so with status 2, and traces the others all the same', async () => {
  const harness = new CliHarness({ names: { 'here.example': ['198.18.0.1'] } });
  assert.equal(await harness.run('trace', 'nowhere.example', 'here.example', '--output', 'json'), 2);
  assert.equal(harness.io.err, 'hopscope: Cannot resolve "nowhere.example": there is no such name\n');
  assert.equal(JSON.parse(harness.io.out).target, 'here.example');
});

test('trace gives up on name servers that never answer, with status 3', async () => {
  const harness = new CliHarness({ names: { 'slow.example': null } });
  assert.equal(await harness.run('trace', 'slow.example'), 3);
  assert.match(
    harness.io.err,
    /^hopscope: Cannot resolve slow\.example: no name server answered within 5 s; /,
  );
});

test('trace says which of several addresses it took', async () => {
  const names = { 'many.example': ['198.18.0.9', '2001:db8:1::1', '198.18.0.1', '198.18.0.7', '198.18.0.8'] };
  const harness = new CliHarness({ names });
  assert.equal(await harness.run('trace', 'many.example', '--output', 'json'), 0);
  assert.equal(JSON.parse(harness.io.out).address, '198.18.0.1');
  assert.equal(
    harness.io.err,
    'hopscope: many.example has 5 addresses; tracing 198.18.0.1, not 198.18.0.9, 2001:db8:1::1, 198.18.0.7 and 1 more\n',
  );
});

test('trace -6 takes the IPv6 address, and says so where a name has none', async () => {
  const names = { 'both.example': ['198.18.0.1', '2001:db8:1::1'], 'old.example': ['198.18.0.1'] };
  const harness = new CliHarness({ names });
  assert.equal(await harness.run('trace', '-6', 'both.example', '--output', 'json'), 0);
  assert.equal(JSON.parse(harness.io.out).address, '2001:db8:1::1');
  assert.equal(harness.io.err, '');
  const other = new CliHarness({ names });
  assert.equal(await other.run('trace', '-6', 'old.example'), 2);
  assert.equal(
    other.io.err,
    'hopscope: Cannot trace old.example: the name has no IPv6 address; leave out -6\n',
  );
});

test('trace traces several hosts at the same time and reports them in the order given', async () => {
  const harness = new CliHarness({ scenario: 'many-targets' });
  const hosts = ['198.18.0.9', '198.18.0.1', '198.18.0.5'];
  await harness.run('trace', ...hosts, '--output', 'json');
  const traces = harness.io.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    traces.map(({ address }) => address),
    hosts,
  );
  assert.equal(new Set(traces.map(({ startedAt }) => startedAt)).size, 1);
});

test('trace ends with the worst status of several hosts', async () => {
  const harness = new CliHarness({ scenario: 'unreachable', names: {} });
  assert.equal(await harness.run('trace', '198.18.0.1', 'nowhere.example', '--output', 'json'), 2);
  assert.equal(harness.io.out.trim().split('\n').length, 1);
});

/** An engine that refuses every trace. */
function refusing(error: Error, usable: boolean): () => Promise<TraceEngine> {
  return () =>
    Promise.resolve({
      trace: () => Promise.reject(error),
      channels: () => [
        { protocol: 'icmp', family: 4, modes: [], notes: [error.message] },
        { protocol: 'udp', family: 4, modes: usable ? ['unprivileged'] : [], notes: [] },
      ],
      counters: () => {
        throw new Error('Nobody asks for these here');
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
}

test('trace that is not permitted says the remedy, and what would be allowed, with status 3', async () => {
  const error = new TraceRefusal('privilege', 'Cannot open an ICMP socket: EACCES; grant CAP_NET_RAW');
  for (const [usable, more] of [
    [true, '; --protocol udp would be allowed'],
    [false, ''],
  ] as const) {
    const harness = new CliHarness({ services: { startEngine: refusing(error, usable) } });
    assert.equal(await harness.run('trace', '198.18.0.1'), 3);
    assert.equal(harness.io.err, `hopscope: ${error.message}${more}\n`);
    assert.equal(harness.io.out, '');
  }
});

test('trace without IPv6 on the host says so with status 3', async () => {
  const error = new TraceRefusal('no-family', 'Cannot probe over IPv6: this kernel has no IPv6');
  const harness = new CliHarness({ services: { startEngine: refusing(error, true) } });
  assert.equal(await harness.run('trace', '2001:db8:1::1'), 3);
  assert.equal(harness.io.err, `hopscope: ${error.message}\n`);
});

test('trace whose engine cannot be opened says so with status 3', async () => {
  const startEngine = (): Promise<TraceEngine> =>
    Promise.reject(new NetError('Cannot open an eventfd: EMFILE; raise the limit on open files', 'EMFILE'));
  const harness = new CliHarness({ services: { startEngine } });
  assert.equal(await harness.run('trace', '198.18.0.1'), 3);
  assert.equal(harness.io.err, 'hopscope: Cannot open an eventfd: EMFILE; raise the limit on open files\n');
});

test('runCli() does not make a sentence of a mistake in the program', async () => {
  for (const error of [
    new TypeError('x is not a function'),
    Object.assign(new Error('bad'), { code: 'ERR_X' }),
  ]) {
    const harness = new CliHarness({ services: { startEngine: refusing(error, true) } });
    await assert.rejects(harness.run('trace', '198.18.0.1'), error);
    assert.equal(harness.io.subscriptions, 0);
  }
});

for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`trace ends at ${event} with what it has`, async () => {
    const harness = new CliHarness({ scenario: 'silent-tail' });
    const running = harness.start('trace', '198.18.0.1', '198.18.0.1');
    await harness.clock.advance(100);
    assert.ok(harness.io.emit(event));
    assert.equal(await running, 1);
    assert.match(
      harness.io.out,
      /\n {2}6 {2}100\.64\.0\.6 .*\n(.*\n)*interrupted: the last answer is from hop 6/,
    );
    assert.equal(harness.io.subscriptions, 0);
    assert.equal(harness.engines[0]?.counters().activeTraces, 0);
  });
}

test('trace ends at once when a signal comes while a name is looked up', async () => {
  const harness = new CliHarness({ names: { 'slow.example': null } });
  const running = harness.start('trace', 'slow.example');
  await harness.clock.advance(10);
  harness.io.emit('SIGINT');
  assert.equal(await running, 2);
  assert.equal(harness.clock.now(), 10);
});

test('trace whose reader has gone ends its traces without a word', async () => {
  const harness = new CliHarness({ scenario: 'silent-tail' });
  const running = harness.start('trace', '198.18.0.1', '--output', 'json');
  await harness.clock.advance(100);
  assert.ok(harness.io.emit('pipe'));
  assert.equal(await running, 1);
  assert.equal(harness.io.err, '');
  assert.equal(harness.clock.now(), 100);
});

/** An engine whose traces end when the test says so. */
class ManualEngine implements TraceEngine {
  readonly running: { progress: (partial: Trace) => void; finish: (trace: Trace) => void }[] = [];

  trace(_request: TraceRequest, options: TraceOptions = {}): Promise<Trace> {
    return new Promise((finish) => {
      this.running.push({ progress: (partial) => options.onProgress?.(partial), finish });
    });
  }

  channels(): readonly EngineChannel[] {
    return [];
  }

  counters(): EngineCounters {
    throw new Error('Nobody asks for these here');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

test('trace on a terminal fills its rows as replies come, host by host', async () => {
  const engine = new ManualEngine();
  const harness = new CliHarness({ isTTY: true, services: { startEngine: () => Promise.resolve(engine) } });
  const shown = (): string[] =>
    new FakeScreen(harness.io.out, 80, 24).lines.filter((line) => /^ *\d/.test(line));
  const running = harness.start('trace', '198.18.0.1', '198.18.0.2');
  await harness.clock.advance(0);
  const [first, second] = engine.running;
  const whole = sampleTrace();
  const none = whole.hops.map(({ ttl }) => ({ ttl, sent: 1, replies: [] }));
  first?.progress(sampleTrace({ hops: none, reached: false }));
  assert.deepEqual(shown(), ['  1  ...']);
  assert.ok(!new FakeScreen(harness.io.out, 80, 24).cursorVisible);
  second?.progress(sampleTrace({ address: '198.18.0.2' }));
  second?.finish(sampleTrace({ address: '198.18.0.2' }));
  first?.progress(sampleTrace({ hops: [...whole.hops.slice(0, 1), ...none.slice(1)], reached: false }));
  assert.deepEqual(shown(), ['  1  100.64.0.1           1.250', '  2  ...']);
  first?.finish(whole);
  assert.equal(await running, 0);
  const screen = new FakeScreen(harness.io.out, 80, 24);
  assert.ok(screen.cursorVisible);
  assert.deepEqual(shown().slice(0, 4), [
    '  1  100.64.0.1           1.250',
    '  2  *',
    '  3  100.64.1.1          10.500',
    '  4  198.18.0.1          20.125',
  ]);
  assert.deepEqual(screen.text.match(/^trace to [^ ]+ \([0-9.]+\)/gm), [
    'trace to example.org (198.18.0.1)',
    'trace to example.org (198.18.0.2)',
  ]);
});

test('trace on a terminal gives the cursor back when the process ends in the middle', async () => {
  const engine = new ManualEngine();
  const harness = new CliHarness({ isTTY: true, services: { startEngine: () => Promise.resolve(engine) } });
  const running = harness.start('trace', '198.18.0.1');
  await harness.clock.advance(0);
  engine.running[0]?.progress(sampleTrace());
  harness.io.emit('exit');
  assert.ok(new FakeScreen(harness.io.out, 80, 24).cursorVisible);
  engine.running[0]?.finish(sampleTrace());
  await running;
});

test('trace colours a terminal, and neither with --no-color, NO_COLOR, a dumb terminal nor a file', async () => {
  const coloured = (text: string): boolean => /\[[0-9;]+m/.test(text);
  const plain: readonly [readonly string[], HarnessOptions][] = [
    [['--no-color'], { isTTY: true }],
    [[], { isTTY: true, env: { NO_COLOR: '1' } }],
    [[], { isTTY: true, env: { TERM: 'dumb' } }],
    [[], {}],
  ];
  for (const [argv, options] of plain) {
    const harness = new CliHarness(options);
    assert.equal(await harness.run('trace', '198.18.0.1', ...argv), 0);
    assert.ok(!coloured(harness.io.out));
  }
  const harness = new CliHarness({ isTTY: true });
  await harness.run('trace', '198.18.0.1');
  assert.ok(coloured(harness.io.out));
});

test('trace tells the mode, why it is that, and what another would add', async () => {
  const asked = new CliHarness();
  assert.equal(await asked.run('trace', '198.18.0.1', '--mode', 'unprivileged'), 0);
  assert.match(asked.io.out, /\nmode unprivileged: as asked with --mode unprivileged\n$/);
  const harness: CliHarness = new CliHarness({
    services: {
      startEngine: () => {
        const engine = harness.openEngine({ modes: ['unprivileged'] });
        const notes = ['Cannot open a raw socket: EPERM; grant CAP_NET_RAW, or use mode unprivileged'];
        const channels = engine.channels().map((channel) => ({ ...channel, notes }));
        return Promise.resolve(Object.assign(engine, { channels: () => channels }));
      },
    },
  });
  assert.equal(await harness.run('trace', '198.18.0.1'), 0);
  assert.match(
    harness.io.out,
    /\nmode unprivileged: Cannot open a raw socket: EPERM; ICMP loses nothing by it\n$/,
  );
});

test('demo is a command only where there is a demonstration, and gets its arguments as they are', async () => {
  assert.match(await complaint(['demo'], 2), /there is no command "demo"/);
  const got: (readonly string[])[] = [];
  const harness = new CliHarness({
    services: {
      demo: (args) => {
        got.push(args);
        return Promise.resolve(1);
      },
    },
  });
  assert.equal(await runCli(['demo', '--port', '1', 'x'], harness.io, harness.services), 1);
  assert.deepEqual(got, [['--port', '1', 'x']]);
});
