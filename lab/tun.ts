// A laboratory for real sockets: a network namespace whose every route leads into the simulated internet. Programs
// run in it as on any host; the scenario can be changed while they do. Needs root, `ip` and /dev/net/tun.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  createNamespace,
  type Namespace,
  NamespaceError,
  type RunOptions,
  type RunResult,
  sweepNamespaces,
} from './namespaces.ts';
import type { Change, Scenario } from './scenario.ts';
import type { Fate } from './simulator.ts';

export interface TunLabOptions {
  readonly seed?: number;
  /** Where the simulator writes its account of each packet (lab/probe-log.ts). */
  readonly logFile?: string;
  /** Of the device; default 1500. */
  readonly mtu?: number;
  /** Waits shorter than this are spent polling; default 100. More is more punctual, and takes a processor. */
  readonly spinUs?: number;
}

export interface TunStatus {
  /** Time in the scenario. */
  readonly timeMs: number;
  /** Replies that found no room. */
  readonly dropped: number;
  readonly counters: Readonly<Record<Fate, number>>;
}

/** How long the process has to write its log and leave. */
const LEAVING_MS = 5000;

/** Starts the scenario at its time 0. */
export async function startTunLab(scenario: Scenario, options: TunLabOptions = {}): Promise<TunLab> {
  await sweepNamespaces();
  const namespace = await createNamespace('tun');
  try {
    const child = namespace.spawn([process.execPath, processPath(), ...argumentsOf(options)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const lab = new TunLab(namespace, child);
    await lab.begin(scenario);
    return lab;
  } catch (error) {
    await namespace[Symbol.asyncDispose]();
    throw error;
  }
}

export class TunLab implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string | undefined) => void)[] = [];
  #complaints = '';
  #ended = false;

  constructor(namespace: Namespace, child: ChildProcess) {
    this.namespace = namespace;
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString()).slice(-4000);
    });
    child.stdin?.on('error', () => undefined);
    if (child.stdout !== null) {
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => this.#waiting.shift()?.(line));
      lines.on('close', () => {
        this.#ended = true;
        for (const settle of this.#waiting.splice(0)) settle(undefined);
      });
    }
  }

  /** Hands over the first scenario; resolves when packets are answered. */
  async begin(scenario: Scenario): Promise<void> {
    await this.#ask(scenario);
  }

  /** Runs a program in the lab; see lab/namespaces.ts. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.namespace.run(argv, options);
  }

  /** Replaces the scenario; its time begins at 0. */
  async replace(scenario: Scenario): Promise<TunStatus> {
    return (await this.#ask({ scenario })) as TunStatus;
  }

  /** Makes a change now, or at its time where that is still to come. */
  async change(change: Omit<Change, 'atMs'> & { readonly atMs?: number }): Promise<TunStatus> {
    return (await this.#ask({ change: { atMs: 0, ...change } })) as TunStatus;
  }

  /** Goes to a time in the scenario. */
  async seek(timeMs: number): Promise<TunStatus> {
    return (await this.#ask({ seekMs: timeMs })) as TunStatus;
  }

  /** Also brings the log file up to date. */
  async status(): Promise<TunStatus> {
    return (await this.#ask({ status: true })) as TunStatus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It writes its log and leaves when its input ends; what does not leave is ended with the namespace.
    this.#child.stdin?.end();
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        const impatience = setTimeout(resolve, LEAVING_MS);
        this.#waiting.push(() => {
          clearTimeout(impatience);
          resolve();
        });
      });
    }
    await this.namespace[Symbol.asyncDispose]();
  }

  async #ask(message: object): Promise<object> {
    const line = await new Promise<string | undefined>((resolve) => {
      if (this.#ended) resolve(undefined);
      else {
        this.#waiting.push(resolve);
        this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
      }
    });
    if (line === undefined) throw new NamespaceError(`The lab ended: ${this.#complaints.trim()}`);
    const answer = JSON.parse(line) as { readonly error?: string };
    if (answer.error !== undefined) throw new NamespaceError(`The lab refused: ${answer.error}`);
    return answer;
  }
}

/** The entry point beside this file, as source or as built. */
function processPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./tun-process.${extension}`, import.meta.url));
}

function argumentsOf({ seed, logFile, mtu, spinUs }: TunLabOptions): string[] {
  return [
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
    ...(logFile === undefined ? [] : ['--log', logFile]),
    ...(mtu === undefined ? [] : ['--mtu', String(mtu)]),
    ...(spinUs === undefined ? [] : ['--spin', String(spinUs)]),
  ];
}
