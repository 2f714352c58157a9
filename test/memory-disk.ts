// A disk in memory, for tests: it fails as the real one does, and can be written to in the middle of a read.

import type { DatabaseDisk } from '../src/enrich/database-file.ts';

export class MemoryDisk implements DatabaseDisk {
  readonly #files = new Map<string, { readonly bytes: Uint8Array; readonly version: number }>();
  readonly #watchers = new Set<() => void>();
  /** Whether the disk tells of changes. */
  tells = true;
  /** Called before each read. */
  onRead: () => void = () => {};
  reads = 0;
  #versions = 0;

  /** Writes, or with null removes, a file. */
  write(path: string, bytes: Uint8Array | null): void {
    if (bytes === null) this.#files.delete(path);
    else this.#files.set(path, { bytes, version: ++this.#versions });
    if (this.tells) for (const notice of [...this.#watchers]) notice();
  }

  stamp(path: string): Promise<string> {
    const file = this.#files.get(path);
    return file === undefined ? Promise.reject(missing(path)) : Promise.resolve(String(file.version));
  }

  read(path: string, limit: number): Promise<Uint8Array> {
    this.reads++;
    const file = this.#files.get(path);
    this.onRead();
    return file === undefined
      ? Promise.reject(missing(path))
      : Promise.resolve(file.bytes.subarray(0, limit + 1));
  }

  watch(_directory: string, onChange: (name: string | null) => void): Disposable {
    const notice = (): void => onChange(null);
    this.#watchers.add(notice);
    return { [Symbol.dispose]: () => void this.#watchers.delete(notice) };
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
}
