// The exporter while its probing thread crashes, or stands still: rounds fail and are counted, and once a thread works again
// they succeed, without a restart. Loopback only.

import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { MemoryFileSystem } from '../../src/config/memory-file-system.ts';
import { startEngine } from '../../src/net/engine.ts';
import { serve } from '../../src/serve.ts';
import { parseLifeAccount, roundsCheck } from '../soak/accounts.ts';
import { Figures } from '../soak/exposition-figures.ts';
import { projectPath, temporaryFolder } from './servers.ts';

const TARGET = '127.0.0.1';

/** The probing thread, in place of which another one starts while the file `bad` is there: does `then` with its first order. */
function workerModule(folder: string, then: string, wakeFd: number): URL {
  const channels = [{ protocol: 'icmp', family: 4, modes: ['raw'], notes: [] }];
  const ready = { type: 'ready', channels, stamps: 'clock', identifiersShared: false, wakeFd };
  const file = join(folder, 'worker.mjs');
  const real = pathToFileURL(projectPath('src/net/engine-worker.ts'));
  const source = `import { existsSync } from 'node:fs';
    import { workerData } from 'node:worker_threads';
    if (existsSync(${JSON.stringify(join(folder, 'bad'))})) {
      workerData.port.once('message', () => { ${then} });
      workerData.port.postMessage(${JSON.stringify(ready)});
    } else await import(${JSON.stringify(real.href)});`;
  writeFileSync(file, source);
  return pathToFileURL(file);
}

for (const [what, then] of [
  ['crashes', 'throw new Error("boom")'],
  ['stands still', 'for (;;);'],
] as const) {
  it(`hopscope serve goes on while its probing thread ${what}, and traces again once one works`, async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'bad'), '');
    const wakeFd = openSync('/dev/null', 'w');
    const log: string[] = [];
    const crashes: string[] = [];
    const engine = await startEngine({
      workerUrl: workerModule(folder.path, then, wakeFd),
      onCrash: ({ message }) => crashes.push(message),
      lookMs: 400,
      pauseMs: 500,
    });
    const config = { defaults: { interval: '1s', flows: 1 }, targets: [{ host: TARGET }] };
    const server = await serve(
      {
        ...{ configFile: 'x.yml', targets: [], listenAddresses: ['127.0.0.1:0'], webConfigFile: undefined },
        ...{ externalUrl: undefined, routePrefix: undefined, historyPath: undefined },
        ...{ logLevel: 'info', logFormat: 'logfmt', arguments: new Map() },
      },
      {
        version: '0',
        stderr: { write: (text) => void log.push(String(text)) },
        engine,
        fileSystem: new MemoryFileSystem({ 'x.yml': JSON.stringify(config) }),
      },
    );
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(log.join(''))?.[0];
    const figures = async (): Promise<Figures> => new Figures(await (await fetch(`${url}metrics`)).text());
    const until = async (good: (now: Figures) => boolean): Promise<void> => {
      while (!good(await figures())) await sleep(50);
    };
    const failed = `traceroute_failures_total{target="${TARGET}",kind="engine"}`;
    await until((now) => now.of(failed) >= 2 && crashes.length >= 2);
    rmSync(join(folder.path, 'bad'));
    await until((now) => now.of(`traceroute_success{target="${TARGET}"}`) === 1);
    const check = roundsCheck(await figures());
    assert.ok(check.kept, check.seen);
    await server.close();
    closeSync(wakeFd);
    const life = parseLifeAccount(log.join(''));
    assert.ok(life !== null && life.failed >= 2 && life.traced >= 1 && life.running === 0, log.join(''));
    assert.match(crashes[0] ?? '', /^The probing thread crashed: (boom|it stands still)$/);
  });
}
