// What `hopscope serve` is asked for, as main.ts gets it. Paths and addresses are as they were written; the rooms that
// use them judge them.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'logfmt' | 'json';

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
export const LOG_FORMATS: readonly LogFormat[] = ['logfmt', 'json'];

export const DEFAULT_LISTEN_ADDRESS = ':10434';

export interface ServeOptions {
  /** `undefined`: hopscope.yml, if there is one. */
  readonly configFile: string | undefined;
  /** Targets given as plain arguments. */
  readonly targets: readonly string[];
  /** At least one. */
  readonly listenAddresses: readonly string[];
  /** exporter-toolkit's web configuration: TLS, users, headers. */
  readonly webConfigFile: string | undefined;
  readonly externalUrl: string | undefined;
  readonly routePrefix: string | undefined;
  /** Instead of what the configuration says; empty for none. */
  readonly historyPath: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Arguments in force, defaults included, by option name without dashes; for the landing page. */
  readonly arguments: ReadonlyMap<string, string>;
}
