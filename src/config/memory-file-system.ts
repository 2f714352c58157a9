// A file system in memory: what tests and embedded configurations read from. It fails as the real one does.

import { dirname, normalize } from 'node:path';
import type { ConfigFileSystem } from './file-system.ts';

/** Files by path; a value that is a text such as `EACCES` inside an Error stands for a file that cannot be read. */
export class MemoryFileSystem implements ConfigFileSystem {
  readonly files: Map<string, string | Uint8Array | Error>;
  readonly #watchers = new Set<{
    readonly directory: string;
    readonly onChange: (name: string | null) => void;
  }>();

  constructor(files: Readonly<Record<string, string | Uint8Array | Error>>) {
    this.files = new Map(Object.entries(files).map(([path, content]) => [normalize(path), content]));
  }

  read(path: string, limit: number): Promise<Uint8Array> {
    const content = this.files.get(normalize(path));
    if (content === undefined) return Promise.reject(systemError('ENOENT', path));
    if (content instanceof Error) return Promise.reject(content);
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return Promise.resolve(bytes.subarray(0, limit + 1));
  }

  list(directory: string): Promise<readonly string[]> {
    const inside = [...this.files.keys()].filter((path) => dirname(path) === normalize(directory));
    if (inside.length === 0) return Promise.reject(systemError('ENOENT', directory));
    return Promise.resolve(inside.map((path) => path.slice(path.lastIndexOf('/') + 1)));
  }

  watch(directory: string, onChange: (name: string | null) => void): Disposable | undefined {
    const watcher = { directory: normalize(directory), onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Writes (or, with undefined, removes) a file and tells the watchers of its directory. */
  write(path: string, content: string | Uint8Array | Error | undefined): void {
    if (content === undefined) this.files.delete(normalize(path));
    else this.files.set(normalize(path), content);
    for (const { directory, onChange } of [...this.#watchers])
      if (directory === dirname(normalize(path))) onChange(null);
  }

  get watchedDirectories(): readonly string[] {
    return [...this.#watchers].map(({ directory }) => directory);
  }
}

/** An error as the system reports it, with its `code`. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
