// `hopscope check FILE` and `serve --config.check`: every problem with its line and column, or a word that all is well.

import type { LoadedConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import { EXIT, type ExitStatus, exitStatusOf } from './exit-status.ts';

/** @param file undefined for hopscope.yml, which need not be there. */
export async function checkCommand(
  file: string | undefined,
  targets: readonly string[],
  io: CliIo,
  services: CliServices,
): Promise<ExitStatus> {
  let loaded: LoadedConfig;
  try {
    loaded = await services.loadConfig(file, { targets });
  } catch (error) {
    const status = exitStatusOf(error);
    if (status === undefined || !(error instanceof Error)) throw error;
    // Problems stand alone on their lines, as editors and CI annotations read them.
    io.stderr.write(`${error.message}\n`);
    return status;
  }
  for (const warning of loaded.warnings) io.stderr.write(`${formatProblem(warning)} (warning)\n`);
  const { sources, targets: all, modules } = loaded.config;
  const what = sources[0] ?? 'no configuration file, the defaults';
  io.stdout.write(`${what}: good, ${count(all.length, 'target')}, ${count(modules.size, 'module')}\n`);
  return EXIT.reached;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
