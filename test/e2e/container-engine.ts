// buildah, podman and what uses them, with storage, logins and settings of their own in a folder of the test.
// Invariant: nothing of it is left behind, and no image or container of the machine is touched.

import assert from 'node:assert/strict';
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './servers.ts';

export interface EngineResult {
  readonly status: number | null;
  readonly stdout: string;
  /** The command line and all that it printed, for a failed test's message. */
  readonly text: string;
}

export interface EngineRunOptions {
  readonly input?: string;
  readonly env?: object;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Without what the engine runs programs by. */
  readonly outside?: boolean;
}

// Without systemd, within the limits that a process without CAP_SYS_RESOURCE has.
const CONTAINERS_CONF = (folder: string): string => `[containers]
default_ulimits=["nofile=4096:4096","nproc=4096:4096"]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
[network]
network_backend="netavark"
network_config_dir="${folder}/networks"
`;

export class ContainerEngine implements Disposable {
  readonly #folder = temporaryFolder();
  readonly #within: readonly string[];

  /** `within`: what programs are started by, such as nsenter and its arguments. */
  constructor(within: readonly string[] = []) {
    this.#within = within;
    for (const name of ['home', 'context', 'networks']) mkdirSync(this.path(name));
    writeFileSync(this.path('auth.json'), '{}');
    writeFileSync(this.path('containers.conf'), CONTAINERS_CONF(this.#folder.path));
    writeFileSync(
      this.path('storage.conf'),
      `[storage]\ndriver="overlay"\ngraphroot="${this.path('graph')}"\nrunroot="${this.path('run')}"\n`,
    );
  }

  /** A path in the engine's folder. */
  path(...parts: readonly string[]): string {
    return join(this.#folder.path, ...parts);
  }

  environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      CONTAINERS_CONF: this.path('containers.conf'),
      CONTAINERS_STORAGE_CONF: this.path('storage.conf'),
      REGISTRY_AUTH_FILE: this.path('auth.json'),
      CONTEXT: this.path('context'),
      HOME: this.path('home'),
    };
  }

  run(program: string, args: readonly string[], options: EngineRunOptions = {}): EngineResult {
    const settings: SpawnSyncOptions & { encoding: 'utf8' } = {
      encoding: 'utf8',
      env: { ...this.environment(), ...options.env } as NodeJS.ProcessEnv,
      input: options.input ?? '',
      timeout: options.timeoutMs ?? 300_000,
      maxBuffer: 1 << 26,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    };
    const [first, ...rest] = [...(options.outside === true ? [] : this.#within), program, ...args] as [
      string,
      ...string[],
    ];
    const { status, signal, stdout, stderr } = spawnSync(first, rest, settings);
    return { status, stdout, text: `${program} ${args.join(' ')}: ${signal ?? ''}${stdout}${stderr}` };
  }

  /** As `run`; throws with what was printed unless the status is 0. Returns standard output. */
  succeed(program: string, args: readonly string[], options: EngineRunOptions = {}): string {
    const result = this.run(program, args, options);
    assert.equal(result.status, 0, result.text);
    return result.stdout;
  }

  [Symbol.dispose](): void {
    if (existsSync(this.path('graph'))) this.run('podman', ['system', 'reset', '--force']);
    this.#folder[Symbol.dispose]();
  }
}
