import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { DEFAULT_TCP_PORT, DEFAULT_UDP_PORT } from '../config/modules.ts';
import { sourceAddressFor } from './source-address.ts';
import { DEFAULT_PORTS } from './trace-settings.ts';

test('DEFAULT_PORTS are those of the configuration', () => {
  assert.deepEqual(DEFAULT_PORTS, { icmp: null, udp: DEFAULT_UDP_PORT, tcp: DEFAULT_TCP_PORT });
});

test('sourceAddressFor() names the address that packets leave from, and null for what is no address', async () => {
  assert.equal(await sourceAddressFor('127.0.0.1'), '127.0.0.1');
  assert.equal(await sourceAddressFor('example.org'), null);
});

test('hopscope --help loads no room but the command line', () => {
  const program = new URL('./program.ts', import.meta.url).href;
  const services = new URL('./system-services.ts', import.meta.url).href;
  const io = new URL('./process-io.ts', import.meta.url).href;
  const source = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
    const { runCli } = await import(${JSON.stringify(program)});
    const { systemServices } = await import(${JSON.stringify(services)});
    const { processIo } = await import(${JSON.stringify(io)});
    const status = await runCli(['--help'], processIo(), systemServices({ version: '1', serve: () => { throw new Error(); } }));
    process.stderr.write(JSON.stringify({ status, loaded }));`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source],
    { encoding: 'utf8' },
  );
  const { status, loaded } = JSON.parse(stderr) as { status: number; loaded: string[] };
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: hopscope <command>/);
  const rooms = /\/src\/(net|http|path|metrics|wire)\/|\/node_modules\/(koffi|zod|yaml|pino)\//;
  assert.deepEqual(
    loaded.filter((url) => rooms.test(url)),
    [],
  );
});
