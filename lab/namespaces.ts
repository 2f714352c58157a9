// Network namespaces and what runs in them. Needs root and `ip`. A namespace is named hs-<pid>-<random> after the
// process that made it, so that those left behind by a crash are known by their dead pid and swept.

import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

const NAME = /^hs-([0-9]+)-[0-9a-z-]+$/;

export class NamespaceError extends Error {
  readonly code = 'namespace';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'NamespaceError';
  }
}

export interface RunOptions {
  /** Runs as this user and group; it holds no capability then. */
  readonly uid?: number;
  /** Stays root in name, without a single capability. */
  readonly dropCapabilities?: boolean;
  /** Ended after so long, in milliseconds; default 60,000. */
  readonly timeoutMs?: number;
  readonly input?: string;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  /** -1 when a signal ended it. */
  readonly exitCode: number;
}

export class Namespace implements AsyncDisposable {
  readonly name: string;
  readonly #children = new Set<ChildProcess>();

  constructor(name: string) {
    this.name = name;
  }

  /** Runs a program to its end; any exit code is a result. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runInNamespace(this.name, argv, options);
  }

  /** Starts a program that is ended with the namespace. */
  spawn(argv: readonly string[], options: SpawnOptions = {}, privileges: RunOptions = {}): ChildProcess {
    const [program, ...rest] = commandIn(this.name, argv, privileges);
    const child = spawn(program as string, rest, options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs lines of `ip` in one go; throws a NamespaceError with the line that failed. */
  async ip(lines: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.run(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
    if (exitCode !== 0) throw new NamespaceError(`Cannot set up ${this.name}: ${stderr.trim()}`);
  }

  /** Sets kernel parameters, by their dotted names. */
  async sysctl(settings: Readonly<Record<string, string | number>>): Promise<void> {
    const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    const { exitCode, stderr } = await this.run(['sysctl', '-q', '-w', ...pairs]);
    if (exitCode !== 0) throw new NamespaceError(`Cannot set parameters in ${this.name}: ${stderr.trim()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#children];
    const exits = children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          else child.once('exit', () => resolve());
        }),
    );
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(exits);
    await execute(['ip', 'netns', 'delete', this.name]);
  }
}

/** A new, empty namespace with its loopback up. `label` (a-z, 0-9) ends its name. */
export async function createNamespace(label = ''): Promise<Namespace> {
  const name = `hs-${process.pid}-${randomBytes(3).toString('hex')}${label}`;
  const { exitCode, stderr } = await execute(['ip', 'netns', 'add', name]);
  if (exitCode !== 0) {
    throw new NamespaceError(`Cannot make the network namespace ${name}: ${stderr.trim()}; it takes root`);
  }
  const namespace = new Namespace(name);
  await namespace.ip(['link set lo up']);
  return namespace;
}

/** Deletes the namespaces of processes that no longer run. Returns their names. */
export async function sweepNamespaces(): Promise<string[]> {
  const { stdout } = await execute(['ip', 'netns', 'list']);
  const names = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  const stale = names.filter((name) => {
    const pid = NAME.exec(name)?.[1];
    return pid !== undefined && !isRunning(Number(pid));
  });
  for (const name of stale) await execute(['ip', 'netns', 'delete', name]);
  return stale;
}

/** Runs a program to its end inside a namespace; any exit code is a result. */
export function runInNamespace(
  name: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return execute(commandIn(name, argv, options), options);
}

/** The command line that runs `argv` in the namespace with these privileges. */
export function commandIn(name: string, argv: readonly string[], options: RunOptions = {}): string[] {
  const enter = ['ip', 'netns', 'exec', name];
  const { uid, dropCapabilities } = options;
  if (uid === undefined && dropCapabilities !== true) return [...enter, ...argv];
  const user = uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return [...enter, 'setpriv', ...user, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', ...argv];
}

function execute(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...rest] = argv;
  return new Promise((resolve) => {
    const settings = { timeout: options.timeoutMs ?? 60_000, maxBuffer: 1 << 26 };
    const child = execFile(program as string, rest, settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ stdout, stderr: error !== null && stderr === '' ? error.message : stderr, exitCode: code });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
