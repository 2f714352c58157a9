// The entry point: hands the command line the real world. Engine, server and demonstration are loaded when a command
// wants them, so that `--help` and `check` touch neither sockets nor FFI.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CliServices } from './cli/cli-io.ts';
import { processIo } from './cli/process-io.ts';
import { runCli } from './cli/program.ts';
import { sourceAddressFor } from './cli/source-address.ts';
import { nodeFileSystem } from './config/file-system.ts';
import { loadConfig } from './config/load.ts';
import { systemClock } from './monitor/clock.ts';
import { SystemResolver } from './monitor/system-resolver.ts';

const io = processIo();
const clock = systemClock();
const version = readVersion();

const services: CliServices = {
  version,
  clock,
  resolver: new SystemResolver({ now: () => clock.now() }),
  sourceAddress: sourceAddressFor,
  loadConfig: (path, overrides) => loadConfig(path, overrides, nodeFileSystem()),
  async startEngine() {
    const { startEngine } = await import('./net/engine.ts');
    return startEngine();
  },
  async serve(options) {
    const { serve } = await import('./serve.ts');
    return serve(options, { version, stderr: io.stderr });
  },
  async demo(args, demoIo) {
    const { demo } = await import('./demo.ts');
    return demo(args, demoIo, version);
  },
};

process.exitCode = await runCli(process.argv.slice(2), io, services);

/** From the package's own description, two levels up when built. */
function readVersion(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { name, version: found } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (name === 'hopscope' && found !== undefined) return found;
    } catch {
      // Not here; one level up.
    }
  }
  return 'unknown';
}
