// The worker's life: what the main thread sees when it is closed, cancelled, or crashes. Loopback only.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TraceRefusal, type TraceRequest } from '../trace/trace.ts';
import { startEngine } from './engine.ts';
import { NetError } from './net-error.ts';

const REQUEST: TraceRequest = {
  target: 'test',
  address: '127.0.0.1',
  protocol: 'tcp',
  port: 9,
  mode: 'unprivileged',
  firstTtl: 1,
  maxTtl: 3,
  queries: 1,
  flows: 1,
  firstFlow: 0,
  silentHopLimit: 3,
  timeoutMs: 5000,
  waitMs: 500,
  distanceHint: null,
  packetLength: 0,
  trafficClass: 0,
  dontFragment: false,
};

/** A worker that says it is ready and does `then` with the first command. */
function workerThat(then: string, wakeFd: number): URL {
  const ready = { type: 'ready', channels: [], stamps: 'clock', identifiersShared: false, wakeFd };
  const source = `import { workerData } from 'node:worker_threads';
    const { port } = workerData;
    port.once('message', () => { ${then} });
    port.postMessage(${JSON.stringify(ready)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

test('trace() over loopback resolves with the destination at the first hop, and counters follow', async () => {
  await using engine = await startEngine();
  const trace = await engine.trace(REQUEST);
  assert.equal(trace.hopCount, 1);
  assert.equal(trace.hops[0]?.replies[0]?.kind, 'rst');
  const { probesSent, replies, activeTraces } = engine.counters();
  assert.equal(probesSent.tcp, trace.probesSent);
  assert.ok(replies.matched > 0);
  assert.equal(activeTraces, 0);
});

test('trace() runs many at once, each with its own result', async () => {
  await using engine = await startEngine();
  const ports = Array.from({ length: 300 }, (_, i) => 1 + i);
  const traces = await Promise.all(
    ports.map((port) => engine.trace({ ...REQUEST, protocol: 'udp', port, target: `port ${port}` })),
  );
  for (const [i, trace] of traces.entries()) {
    assert.equal(trace.target, `port ${ports[i]}`);
    assert.equal(trace.hopCount, 1);
  }
});

test('close() rejects traces under way and later ones with code "closed", and can be called twice', async () => {
  const engine = await startEngine();
  const running = engine.trace(REQUEST);
  const outcome = assert.rejects(
    running,
    (error) => error instanceof TraceRefusal && error.code === 'closed',
  );
  await Promise.all([engine.close(), outcome]);
  await engine.close();
  await assert.rejects(
    engine.trace(REQUEST),
    (error) => error instanceof TraceRefusal && error.code === 'closed',
  );
});

test('an aborted signal ends a trace as cancelled with what it has', async () => {
  await using engine = await startEngine();
  const trace = await engine.trace(REQUEST, { signal: AbortSignal.abort() });
  assert.ok(trace.end === 'cancelled' || trace.end === 'reached');
});

test('onProgress is called before the trace ends', async () => {
  await using engine = await startEngine();
  let reports = 0;
  await engine.trace(REQUEST, { onProgress: () => reports++ });
  assert.ok(reports > 0);
});

test('startEngine() rejects when the worker cannot start', async () => {
  const workerUrl = new URL('data:text/javascript,throw new Error("broken")');
  await assert.rejects(startEngine({ workerUrl }), /broken/);
});

test('a crash rejects pending traces, is reported, and the worker is replaced, after a pause where it crashes too often', async () => {
  const wakeFd = openSync('/dev/null', 'w');
  const crashes: Error[] = [];
  const engine = await startEngine({
    workerUrl: workerThat('throw new Error("boom")', wakeFd),
    onCrash: (error) => crashes.push(error),
    pauseMs: 200,
  });
  for (let i = 0; i < 6; i++) {
    await assert.rejects(
      engine.trace(REQUEST),
      (error) => error instanceof NetError && /The probing thread crashed: boom/.test(error.message),
    );
  }
  assert.equal(crashes.length, 4);
  // Until the pause is over traces are refused at once; then a worker takes them, and crashes.
  while (crashes.length === 4) {
    await assert.rejects(engine.trace(REQUEST), /The probing thread crashed: boom/);
    await setTimeout(20);
  }
  assert.equal(crashes.length, 5);
  await engine.close();
  closeSync(wakeFd);
});

test('a worker that stands still rejects what it was to trace, is reported, and is replaced', async () => {
  const wakeFd = openSync('/dev/null', 'w');
  const crashes: string[] = [];
  const engine = await startEngine({
    workerUrl: workerThat('for (;;);', wakeFd),
    onCrash: ({ message }) => crashes.push(message),
    lookMs: 20,
  });
  for (let i = 0; i < 3; i++) await assert.rejects(engine.trace(REQUEST), /crashed: it stands still/);
  assert.equal(crashes.length, 3);
  await engine.close();
  closeSync(wakeFd);
});

test('a worker that turns is left alone, however long a trace takes', async () => {
  // Who takes UDP and never answers keeps a trace waiting.
  const deaf = createSocket('udp4');
  deaf.bind(0, '127.0.0.1');
  await once(deaf, 'listening');
  const crashes: Error[] = [];
  await using engine = await startEngine({ lookMs: 600, onCrash: (error) => crashes.push(error) });
  const { port } = deaf.address();
  const trace = await engine.trace({ ...REQUEST, protocol: 'udp', port, timeoutMs: 4000, waitMs: 3000 });
  deaf.close();
  assert.ok(trace.durationMs > 1800, String(trace.durationMs));
  assert.deepEqual(crashes, []);
});

test('a process that forgets to close an idle engine ends all the same, and so does one that exits while it sleeps', async () => {
  const engine = join(import.meta.dirname, 'engine.ts');
  for (const rest of ['', 'process.exit(0)', 'void e.trace(JSON.parse(process.argv[1])); process.exit(0)']) {
    const source = `const { startEngine } = await import(${JSON.stringify(engine)}); const e = await startEngine(); ${rest}`;
    const argv = ['--input-type=module', '-e', source, JSON.stringify(REQUEST)];
    await promisify(execFile)(process.execPath, argv, { timeout: 20_000 });
  }
});
