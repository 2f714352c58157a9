import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';

const PROCESS_IO = new URL('./process-io.ts', import.meta.url).href;

function program(body: string): string[] {
  const source = `import { processIo } from ${JSON.stringify(PROCESS_IO)}; const io = processIo(); ${body}`;
  return ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source];
}

test('processIo() ends the output without a word when its reader has gone, and tells who asked', async () => {
  const body = `
    io.onBrokenPipe(() => { io.stdout.write('more'); process.exitCode = 42; clearInterval(writing); });
    const writing = setInterval(() => io.stdout.write('line\\n'.repeat(1000)), 1);`;
  const child = spawn(process.execPath, program(body), { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(complaints, '');
  assert.equal(code, 42);
});

test('processIo() is 80 by 24 without a terminal, and has no keys', () => {
  const body =
    'io.stdout.write(JSON.stringify([io.isTTY, io.columns, io.rows, io.onKey(() => {}) === undefined]))';
  const { stdout, stderr } = spawnSync(process.execPath, program(body), { input: '', encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout), [false, 80, 24, true]);
});

test('processIo() hands signals over while somebody listens, and lets them end the process after that', async () => {
  const body = `
    const off = io.onSignal('SIGTERM', () => { off(); io.stdout.write('heard'); });
    setInterval(() => {}, 1000);
    io.stdout.write('ready');`;
  const child = spawn(process.execPath, program(body), { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    said.push(chunk.toString());
    child.kill('SIGTERM');
  });
  const signal = await new Promise((resolve) => child.once('close', (_code, by) => resolve(by)));
  assert.deepEqual(said, ['ready', 'heard']);
  assert.equal(signal, 'SIGTERM');
});
