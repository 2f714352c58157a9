// Follows the target files of a loaded configuration, as Prometheus' file_sd does: the system tells of changes where it
// can, and a look from time to time finds the rest. New content that is broken leaves the old in force.

import { dirname, isAbsolute, join } from 'node:path';
import type { ConfigFileSystem } from './file-system.ts';
import { type LoadedConfig, refreshTargets } from './load.ts';
import { type ConfigProblem, formatProblem } from './problem.ts';

/** The part of a clock that is needed here. */
export interface WatchClock {
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface WatchOptions {
  readonly fileSystem: ConfigFileSystem;
  readonly clock: WatchClock;
  /** The targets changed. */
  readonly onChange: (loaded: LoadedConfig) => void;
  /** What stands in the way of some files now; called when that changes, with an empty list when nothing does any more. */
  readonly onProblems: (problems: readonly ConfigProblem[]) => void;
  /** Time between looks; default 30 s. */
  readonly pollMs?: number;
  /** Time that a writer is given to finish; default 200 ms. */
  readonly settleMs?: number;
}

/** Watches until disposed of. `replace` goes on with another configuration, after a reload of the main file. */
export interface ConfigWatch extends Disposable {
  replace(loaded: LoadedConfig): void;
  /** Looks now; resolves when done. */
  refresh(): Promise<void>;
}

export function watchConfig(initial: LoadedConfig, options: WatchOptions): ConfigWatch {
  return new FileWatch(initial, options);
}

class FileWatch implements ConfigWatch {
  readonly #options: WatchOptions;
  #loaded: LoadedConfig;
  #watchers = new Map<string, Disposable>();
  #cancelTimer: () => void = () => {};
  /** The look under way, if any; a second one is never started beside it. */
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  #reported = '';
  #closed = false;

  constructor(loaded: LoadedConfig, options: WatchOptions) {
    this.#options = options;
    this.#loaded = loaded;
    this.#watchDirectories();
    this.#wait(this.#pollMs());
  }

  replace(loaded: LoadedConfig): void {
    this.#loaded = loaded;
    this.#reported = '';
    this.#watchDirectories();
  }

  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#looking === null) this.#looking = this.#look();
    else this.#lookAgain = true;
    return this.#looking;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const watcher of this.#watchers.values()) watcher[Symbol.dispose]();
    this.#watchers.clear();
  }

  async #look(): Promise<void> {
    do {
      this.#lookAgain = false;
      const before = this.#loaded;
      const { loaded, problems, changed } = await refreshTargets(before, this.#options.fileSystem);
      if (this.#closed) return;
      if (this.#loaded !== before) {
        // Replaced meanwhile: what was read belongs to a configuration that is no longer in force.
        this.#lookAgain = true;
        continue;
      }
      this.#loaded = loaded;
      this.#report(problems);
      if (changed) this.#options.onChange(loaded);
    } while (this.#lookAgain);
    this.#looking = null;
    this.#watchDirectories();
    this.#wait(this.#pollMs());
  }

  #report(problems: readonly ConfigProblem[]): void {
    const text = problems.map(formatProblem).join('\n');
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.onProblems(problems);
  }

  #wait(delayMs: number): void {
    this.#cancelTimer();
    if (!this.#closed) this.#cancelTimer = this.#options.clock.after(delayMs, () => void this.refresh());
  }

  #pollMs(): number {
    return this.#options.pollMs ?? 30_000;
  }

  /** One watcher for each directory that holds target files; directories that came into being are picked up later. */
  #watchDirectories(): void {
    const { path, patterns } = this.#loaded.parts;
    const base = path === null ? '.' : dirname(path);
    const wanted = new Set(
      patterns.map(({ pattern }) => dirname(isAbsolute(pattern) ? pattern : join(base, pattern))),
    );
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher[Symbol.dispose]();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (this.#watchers.has(directory)) continue;
      const watcher = this.#options.fileSystem.watch(directory, () => this.#onEvent());
      if (watcher !== undefined) this.#watchers.set(directory, watcher);
    }
  }

  #onEvent(): void {
    if (this.#looking !== null) this.#lookAgain = true;
    else this.#wait(this.#options.settleMs ?? 200);
  }
}
