import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliHarness } from '../../test/cli-harness.ts';
import { sampleConfig, sampleTarget } from '../../test/sample-rounds.ts';
import type { LoadedConfig } from '../config/load.ts';
import { loadConfig } from '../config/load.ts';
import { MemoryFileSystem } from '../config/memory-file-system.ts';
import { HttpError } from '../http/http-error.ts';
import type { RunningServer } from './cli-io.ts';
import type { ServeOptions } from './serve-options.ts';

/** A server that ends when it is closed, or when the test says so. */
class FakeServer implements RunningServer {
  readonly ended: Promise<void>;
  reloads = 0;
  closes = 0;
  fail: (error: Error) => void = () => {};
  #end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.fail = reject;
    });
  }

  reload(): Promise<void> {
    this.reloads++;
    return this.reloads === 1 ? Promise.resolve() : Promise.reject(new Error('hopscope.yml: bad'));
  }

  close(): Promise<void> {
    this.closes++;
    this.#end();
    return this.ended;
  }
}

function serving(server: RunningServer | Error): { harness: CliHarness; asked: ServeOptions[] } {
  const asked: ServeOptions[] = [];
  const serve = (options: ServeOptions): Promise<RunningServer> => {
    asked.push(options);
    return server instanceof Error ? Promise.reject(server) : Promise.resolve(server);
  };
  return { harness: new CliHarness({ services: { serve } }), asked };
}

test('serve hands its options on, defaults included', async () => {
  const server = new FakeServer();
  const { harness, asked } = serving(server);
  const running = harness.start('serve');
  await harness.clock.advance(0);
  harness.io.emit('SIGTERM');
  assert.equal(await running, 0);
  const [options] = asked;
  assert.deepEqual(options, {
    configFile: undefined,
    targets: [],
    listenAddresses: [':10434'],
    webConfigFile: undefined,
    externalUrl: undefined,
    routePrefix: undefined,
    historyPath: undefined,
    logLevel: 'info',
    logFormat: 'logfmt',
    arguments: new Map([
      ['web.listen-address', ':10434'],
      ['log.level', 'info'],
      ['log.format', 'logfmt'],
    ]),
  });
});

test('serve reads every dotted option, --web.listen-address more than once, and targets', async () => {
  const server = new FakeServer();
  const { harness, asked } = serving(server);
  const line =
    'serve a.example --config.file=x.yml --web.listen-address :1 --web.listen-address=[::1]:2 ' +
    '--web.external-url http://h/p --web.route-prefix /q --log.level debug --log.format json 192.0.2.1';
  const running = harness.start(...line.split(' '));
  await harness.clock.advance(0);
  harness.io.emit('SIGINT');
  assert.equal(await running, 0);
  const { arguments: inForce, ...options } = asked[0] as ServeOptions;
  assert.deepEqual(options, {
    configFile: 'x.yml',
    targets: ['a.example', '192.0.2.1'],
    listenAddresses: [':1', '[::1]:2'],
    webConfigFile: undefined,
    externalUrl: 'http://h/p',
    routePrefix: '/q',
    historyPath: undefined,
    logLevel: 'debug',
    logFormat: 'json',
  });
  assert.equal(inForce.get('web.listen-address'), ':1, [::1]:2');
  assert.equal(inForce.get('targets'), 'a.example 192.0.2.1');
});

test('serve reloads at SIGHUP, also after a reload that failed, and closes once', async () => {
  const server = new FakeServer();
  const { harness } = serving(server);
  const running = harness.start('serve');
  await harness.clock.advance(0);
  for (let i = 0; i < 3; i++) harness.io.emit('SIGHUP');
  await harness.clock.advance(0);
  harness.io.emit('SIGTERM');
  harness.io.emit('SIGTERM');
  assert.equal(await running, 0);
  assert.deepEqual([server.reloads, server.closes], [3, 1]);
  assert.equal(harness.io.subscriptions, 0);
  assert.equal(harness.io.out + harness.io.err, '');
});

test('serve that is told to end while it starts ends once it has started', async () => {
  const server = new FakeServer();
  const started = Promise.withResolvers<RunningServer>();
  const harness = new CliHarness({ services: { serve: () => started.promise } });
  const running = harness.start('serve');
  await harness.clock.advance(0);
  harness.io.emit('SIGHUP');
  harness.io.emit('SIGTERM');
  assert.equal(server.closes, 0);
  started.resolve(server);
  assert.equal(await running, 0);
  assert.deepEqual([server.reloads, server.closes, harness.io.subscriptions], [0, 1, 0]);
});

test('serve that cannot start says why: status 2 for what was written wrong, 3 for what the system refused', async () => {
  for (const [error, status] of [
    [new HttpError('bad-address', 'Cannot use "x" as --web.listen-address: write host:port'), 2],
    [new HttpError('in-use', 'Cannot listen on :10434: the port is in use; choose another'), 3],
  ] as const) {
    const { harness } = serving(error);
    assert.equal(await harness.run('serve'), status);
    assert.equal(harness.io.err, `hopscope: ${error.message}\n`);
  }
});

test('serve that ends by an error says so with status 3', async () => {
  const server = new FakeServer();
  const { harness } = serving(server);
  const running = harness.start('serve');
  await harness.clock.advance(0);
  server.fail(Object.assign(new Error('The engine crashed too often; see the log'), { code: 'engine' }));
  assert.equal(await running, 3);
  assert.equal(harness.io.err, 'hopscope: The engine crashed too often; see the log\n');
});

/** A harness whose configuration is read from files in memory by the real reader. */
function reading(files: Readonly<Record<string, string>>): CliHarness {
  const fileSystem = new MemoryFileSystem(files);
  return new CliHarness({
    services: { loadConfig: (path, overrides) => loadConfig(path, overrides, fileSystem) },
  });
}

test('check tells every problem with line and column on standard error, with status 2', async () => {
  const harness = reading({
    'bad.yml': 'targets:\n  - { host: example.org, interval: 30 }\n  - { hots: x }\nmodule: {}\n',
  });
  assert.equal(await harness.run('check', 'bad.yml'), 2);
  assert.equal(harness.io.out, '');
  const lines = harness.io.err.trim().split('\n');
  assert.ok(lines.length >= 3, harness.io.err);
  for (const line of lines) assert.match(line, /^bad\.yml:\d+:\d+: /);
  assert.match(harness.io.err, /bad\.yml:2:\d+: targets\[0\]\.interval: /);
});

test('check of a good file says so on standard output, with status 0', async () => {
  const harness = reading({ 'good.yml': 'targets:\n  - { host: example.org }\n' });
  assert.equal(await harness.run('check', 'good.yml'), 0);
  assert.equal(harness.io.out, 'good.yml: good, 1 target, 3 modules\n');
  assert.equal(harness.io.err, '');
});

test('check of a file that is not there says so with status 2', async () => {
  const harness = reading({});
  assert.equal(await harness.run('check', 'none.yml'), 2);
  assert.match(harness.io.err, /^none\.yml: cannot read the file: it does not exist/);
});

test('check shows warnings and is content', async () => {
  const config = sampleConfig([sampleTarget('a'), sampleTarget('b')], { sources: ['w.yml'] });
  const warning = { file: 'w.yml', line: 3, column: 5, path: 'targets[1]', message: 'the same target twice' };
  const loaded = { config, warnings: [warning] } as unknown as LoadedConfig;
  const harness = new CliHarness({ services: { loadConfig: () => Promise.resolve(loaded) } });
  assert.equal(await harness.run('check', 'w.yml'), 0);
  assert.equal(harness.io.err, 'w.yml:3:5: targets[1]: the same target twice (warning)\n');
});

test('serve --config.check checks, targets on the command line included, and serves nothing', async () => {
  const good = reading({});
  assert.equal(await good.run('serve', '--config.check', 'a.example'), 0);
  assert.equal(good.io.out, 'no configuration file, the defaults: good, 1 target, 3 modules\n');
  const bad = reading({ 'x.yml': 'targets: 5\n' });
  assert.equal(await bad.run('serve', '--config.check', '--config.file', 'x.yml'), 2);
  assert.match(bad.io.err, /^x\.yml:1:\d+: targets: /);
});
