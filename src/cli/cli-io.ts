// The world as a command sees it: where it writes, what terminal it has, which signals and keys reach it, and the
// rooms it puts to work. Tests hand in fakes; process-io.ts and main.ts hand in the real ones.

import type { ConfigOverrides, LoadedConfig } from '../config/load.ts';
import type { Clock } from '../monitor/clock.ts';
import type { NameResolver } from '../monitor/name-resolver.ts';
import type { TraceEngine } from '../trace/trace.ts';
import type { HopDirectory } from './hop-facts.ts';
import type { ServeOptions } from './serve-options.ts';

export interface TextSink {
  write(text: string): void;
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Takes back a subscription. */
export type Unsubscribe = () => void;

export interface CliIo {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean;
  /** Size of that terminal now; 80 by 24 where there is none. */
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** While a listener is there, the signal does not end the process. */
  onSignal(signal: StopSignal, listener: () => void): Unsubscribe;
  onResize(listener: () => void): Unsubscribe;
  /** Single keys as they are typed, unechoed; undefined where standard input is no terminal. */
  onKey(listener: (key: string) => void): Unsubscribe | undefined;
  /** Calls back once when nobody reads standard output any more; nothing is written to it from then on. */
  onBrokenPipe(listener: () => void): Unsubscribe;
  /** Runs `restore` if the process ends before the subscription is taken back, however it ends. */
  onExit(restore: () => void): Unsubscribe;
}

/** A server in its working life. */
export interface RunningServer {
  /** Reads the configuration anew. Rejects with an Error that says why the old one stays in force. */
  reload(): Promise<void>;
  /** Finishes what is in progress and ends. */
  close(): Promise<void>;
  /** Settles when the server has ended: after close(), or with an error when it cannot go on. */
  readonly ended: Promise<void>;
}

/** Arguments after `hopscope demo`; resolves with the exit status. */
export type DemoCommand = (args: readonly string[], io: CliIo) => Promise<number>;

export interface DirectoryWish {
  /** Path of an MMDB file with AS numbers, or null. */
  readonly asn: string | null;
  readonly names: boolean;
}

export interface CliServices {
  readonly version: string;
  readonly clock: Clock;
  /** Opens the engine. Called only when something is to be traced. */
  startEngine(): Promise<TraceEngine>;
  readonly resolver: NameResolver;
  /** What is known of addresses. Files that cannot be used are told of, in a sentence each, and left out. */
  openDirectory(wanted: DirectoryWish, onProblem: (message: string) => void): Promise<HopDirectory>;
  /** The address that packets to `address` leave from, or null when the system has no route. Sends nothing. */
  sourceAddress(address: string): Promise<string | null>;
  /** Reads and judges a configuration; rejects with ConfigError. */
  loadConfig(path: string | undefined, overrides: ConfigOverrides): Promise<LoadedConfig>;
  /** Starts the exporter; rejects with an operational error when it cannot. */
  serve(options: ServeOptions): Promise<RunningServer>;
  /** Where the installation has a demonstration. */
  readonly demo?: DemoCommand;
}
