// The entry point: hands the command line the real world. Engine, server and demonstration are loaded when a command
// wants them, so that `--help` and `check` touch neither sockets nor FFI.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processIo } from './cli/process-io.ts';
import { runCli } from './cli/program.ts';
import { systemServices } from './cli/system-services.ts';

const io = processIo();
const version = readVersion();

process.exitCode = await runCli(
  process.argv.slice(2),
  io,
  systemServices({
    version,
    async serve(options) {
      const { serve } = await import('./serve.ts');
      // For debuggers and for systems where the filter of system calls stands in the way of something.
      const confine = process.env['HOPSCOPE_CONFINE'] !== 'off';
      return serve(options, { version, stderr: io.stderr, confine });
    },
    async demo(args, demoIo) {
      const { demo } = await import('./demo.ts');
      return demo(args, demoIo, version);
    },
  }),
);

/** From the package's own description, one level up, or two when built. */
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
