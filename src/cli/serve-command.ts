// `hopscope serve`: from option texts to ServeOptions, and the life of the server from start to the signal that ends it.

import { formatProblem, quote } from '../config/problem.ts';
import { checkCommand } from './check-command.ts';
import type { CliIo, CliServices, RunningServer } from './cli-io.ts';
import { EXIT, type ExitStatus, exitStatusOf, UsageError } from './exit-status.ts';
import {
  DEFAULT_LISTEN_ADDRESS,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
  type ServeOptions,
} from './serve-options.ts';
import { messageOf, say } from './trace-session.ts';

/** The options as commander leaves them, under the names that users write. */
export interface ServeOptionValues {
  readonly 'config.file'?: string;
  readonly 'config.check'?: boolean;
  readonly 'web.listenAddress'?: readonly string[];
  readonly 'web.config.file'?: string;
  readonly 'web.externalUrl'?: string;
  readonly 'web.routePrefix'?: string;
  readonly 'history.path'?: string;
  readonly 'log.level': string;
  readonly 'log.format': string;
}

/** Runs until a signal ends it. @throws UsageError, and what the server cannot be started for. */
export async function serveCommand(
  targets: readonly string[],
  values: ServeOptionValues,
  io: CliIo,
  services: CliServices,
): Promise<ExitStatus> {
  const options = readServeOptions(targets, values);
  if (values['config.check'] === true) {
    if (options.webConfigFile !== undefined) await checkWebConfig(options.webConfigFile, io);
    return checkCommand(options.configFile, targets, io, services);
  }
  return runServer(() => services.serve(options), io);
}

/** @throws ConfigError */
async function checkWebConfig(path: string, io: CliIo): Promise<void> {
  const [{ loadWebConfig }, { nodeFileSystem }] = await Promise.all([
    import('../http/web/web-config.ts'),
    import('../config/file-system.ts'),
  ]);
  const { warnings } = await loadWebConfig(path, nodeFileSystem(), Date.now());
  for (const warning of warnings) io.stderr.write(`${formatProblem(warning)} (warning)\n`);
}

/** @throws UsageError */
export function readServeOptions(targets: readonly string[], values: ServeOptionValues): ServeOptions {
  const listenAddresses = values['web.listenAddress'] ?? [DEFAULT_LISTEN_ADDRESS];
  const options = {
    configFile: values['config.file'],
    targets,
    listenAddresses,
    webConfigFile: values['web.config.file'],
    externalUrl: values['web.externalUrl'],
    routePrefix: values['web.routePrefix'],
    historyPath: values['history.path'],
    logLevel: choice<LogLevel>(values['log.level'], LOG_LEVELS, '--log.level'),
    logFormat: choice<LogFormat>(values['log.format'], LOG_FORMATS, '--log.format'),
  };
  const inForce = new Map<string, string>();
  const note = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') inForce.set(name, value);
  };
  note('config.file', options.configFile);
  note('web.listen-address', listenAddresses.join(', '));
  note('web.config.file', options.webConfigFile);
  note('web.external-url', options.externalUrl);
  note('web.route-prefix', options.routePrefix);
  note('history.path', options.historyPath);
  note('log.level', options.logLevel);
  note('log.format', options.logFormat);
  note('targets', targets.join(' '));
  return { ...options, arguments: inForce };
}

/** Signals are heard from before the start on: a server that already listens may be told to end. */
async function runServer(start: () => Promise<RunningServer>, io: CliIo): Promise<ExitStatus> {
  let server: RunningServer | null = null;
  let ending = false;
  let closing = false;
  const close = (): void => {
    ending = true;
    if (server === null || closing) return;
    closing = true;
    // `ended` tells how it went.
    server.close().catch(() => {});
  };
  // A failed reload is logged and counted by the server itself; the old configuration stays.
  const reload = (): void => void server?.reload().catch(() => {});
  const subscriptions = [
    io.onSignal('SIGINT', close),
    io.onSignal('SIGTERM', close),
    io.onSignal('SIGHUP', reload),
  ];
  const unsubscribe = (): void => {
    for (const each of subscriptions) each();
  };
  try {
    server = await start();
  } catch (error) {
    unsubscribe();
    throw error;
  }
  if (ending) close();
  try {
    await server.ended;
    return EXIT.reached;
  } catch (error) {
    const status = exitStatusOf(error);
    if (status === undefined) throw error;
    say(io, messageOf(error));
    return status;
  } finally {
    unsubscribe();
  }
}

function choice<T extends string>(text: string, values: readonly T[], option: string): T {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `${option} is ${values.slice(0, -1).join(', ')} or ${values.at(-1)}; ${quote(text)} is not`,
  );
}
