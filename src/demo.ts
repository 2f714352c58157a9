// `hopscope demo`: the exporter over a simulated internet, in process: no privilege, not one packet on a real network.
// Its paths change while it runs, so that everything there is to see happens.

import { parseScenario } from '../lab/scenario-schema.ts';
import { createVirtualEngine, type VirtualEngine } from '../lab/virtual-engine.ts';
import type { CliIo } from './cli/cli-io.ts';
import { UsageError } from './cli/exit-status.ts';
import { DEFAULT_LISTEN_ADDRESS } from './cli/serve-options.ts';
import { DEFAULT_CONFIG_FILE } from './config/load.ts';
import { MemoryFileSystem } from './config/memory-file-system.ts';
import { systemClock } from './monitor/clock.ts';
import { serve } from './serve.ts';

/** The route of `far` moves to its other branch and back so often. */
const REROUTE_EVERY_MS = 30_000;
const INTERVAL = '3s';

const TARGETS: Readonly<Record<string, string>> = {
  '198.18.1.1': 'near',
  '198.18.2.1': 'balanced over four routers',
  '198.18.3.1': 'rerouted every 30 s',
  '198.18.4.1': 'behind a lossy link',
  '198.18.5.1': 'behind silent routers',
  '2001:db8:1::1': 'IPv6',
};

function demoConfig(): string {
  const targets = Object.entries(TARGETS).map(([host, what]) => ({ host, labels: { what } }));
  return JSON.stringify({ defaults: { interval: INTERVAL }, metrics: { hops: true }, targets });
}

function demoScenario(): unknown {
  const routers: Record<string, object> = {};
  for (let i = 1; i <= 16; i++) routers[`r${i}`] = { v4: `100.64.0.${i}`, v6: `2001:db8:ffff::${i}` };
  routers['quiet1'] = { v4: '100.64.1.1', silent: true };
  routers['quiet2'] = { v4: '100.64.1.2', silent: true };
  return {
    name: 'demo',
    defaults: { link: { delayMs: 2, jitterMs: 0.4 } },
    routers,
    links: [{ from: 'r3', to: 'r12', loss: 0.2 }],
    routes: {
      near: { steps: ['r1', 'r2'] },
      balanced: { steps: ['r1', 'r2', ['r3', 'r4', 'r5', 'r6'], 'r7', 'r8'] },
      far: { steps: ['r1', 'r2', 'r3', 'r7', 'r9', 'r10', 'r11'] },
      detour: { steps: ['r1', 'r2', 'r4', 'r13', 'r14', 'r10', 'r11'] },
      lossy: { steps: ['r1', 'r2', 'r3', 'r12', 'r15'] },
      silent: { steps: ['r1', 'quiet1', 'quiet2', 'r9', 'r16'] },
    },
    targets: [
      { prefix: '198.18.1.1', route: 'near' },
      { prefix: '198.18.2.1', route: 'balanced' },
      { prefix: '198.18.3.1', route: 'far' },
      { prefix: '198.18.4.1', route: 'lossy' },
      { prefix: '198.18.5.1', route: 'silent' },
      { prefix: '2001:db8:1::1', route: 'far' },
    ],
  };
}

/** Runs until a signal. `args`: at most one listen address. */
export async function demo(args: readonly string[], io: CliIo, version: string): Promise<number> {
  const [listen = `127.0.0.1${DEFAULT_LISTEN_ADDRESS}`, ...rest] = args;
  if (rest.length > 0 || listen.startsWith('-')) {
    throw new UsageError(
      'hopscope demo takes one argument at most: the address to listen on, such as 127.0.0.1:10434',
    );
  }
  const clock = systemClock();
  const engine = createVirtualEngine({ scenario: parseScenario(demoScenario()), seed: 1, clock });
  const server = await serve(
    {
      configFile: undefined,
      targets: [],
      listenAddresses: [listen],
      webConfigFile: undefined,
      externalUrl: undefined,
      routePrefix: undefined,
      historyPath: undefined,
      logLevel: 'info',
      logFormat: 'logfmt',
      arguments: new Map([['demo', listen]]),
    },
    {
      version,
      stderr: io.stderr,
      engine,
      fileSystem: new MemoryFileSystem({ [DEFAULT_CONFIG_FILE]: demoConfig() }),
    },
  );
  io.stdout.write(`A simulated internet with ${Object.keys(TARGETS).length} targets:\n`);
  for (const [address, what] of Object.entries(TARGETS)) io.stdout.write(`  ${address.padEnd(16)} ${what}\n`);
  io.stdout.write(`Open http://${listen}/ or ask /probe?target=198.18.2.1&debug=true. Ctrl-C ends it.\n`);
  const cancel = rerouteForever(engine, clock.after);
  const stops = (['SIGINT', 'SIGTERM'] as const).map((signal) =>
    io.onSignal(signal, () => void server.close()),
  );
  await server.ended;
  cancel();
  for (const stop of stops) stop();
  return 0;
}

function rerouteForever(
  engine: VirtualEngine,
  after: (ms: number, callback: () => void) => () => void,
): () => void {
  let detour = false;
  let cancel = (): void => {};
  const turn = (): void => {
    detour = !detour;
    engine.change({
      atMs: 0,
      targets: [{ prefix: '198.18.3.1', route: detour ? 'detour' : 'far' }],
    });
    cancel = after(REROUTE_EVERY_MS, turn);
  };
  cancel = after(REROUTE_EVERY_MS, turn);
  return () => cancel();
}
