// The files a configuration is read from: the port, and the real file system behind it.

import { watch } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename } from 'node:path';

export interface ConfigFileSystem {
  /** The file's bytes, at most `limit` + 1 of them. Rejects with an error whose `code` is the system's (`ENOENT`, ...). */
  read(path: string, limit: number): Promise<Uint8Array>;
  /** Names in a directory, in any order. Rejects as `read` does. */
  list(directory: string): Promise<readonly string[]>;
  /**
   * Calls back, possibly more often than needed, when something in `directory` changes; `name` is the file's name where
   * the system tells. Returns undefined where the system cannot watch it; the caller looks from time to time anyway.
   */
  watch(directory: string, onChange: (name: string | null) => void): Disposable | undefined;
}

/** The machine's own files. */
export function nodeFileSystem(): ConfigFileSystem {
  return {
    read: readBounded,
    list: (directory) => readdir(directory),
    watch: (directory, onChange) => {
      try {
        const watcher = watch(directory, { persistent: false }, (_, name) =>
          onChange(name === null ? null : basename(name)),
        );
        // A directory that goes away reports an error; the periodic look finds out what became of it.
        watcher.on('error', () => watcher.close());
        return { [Symbol.dispose]: () => watcher.close() };
      } catch {
        return undefined;
      }
    },
  };
}

/** Reads without trusting the size that the system tells: pipes and /proc files say 0. */
async function readBounded(path: string, limit: number): Promise<Uint8Array> {
  await using file = await open(path, 'r');
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= limit) {
    const chunk = new Uint8Array(Math.min(1 << 20, limit + 1 - length));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(chunks, length);
}

/** One sentence for a failed read: what, why, and what to do. */
export function explainReadError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'cannot read the file: it does not exist; check the path';
    case 'EACCES':
    case 'EPERM':
      return `cannot read the file: ${code}, permission denied; let the user that runs hopscope read it`;
    case 'EISDIR':
      return 'cannot read the file: it is a directory; give the path of a YAML file';
    case 'ELOOP':
      return 'cannot read the file: too many symbolic links; check where it points';
    case 'ENAMETOOLONG':
      return 'cannot read the file: its name is too long; check the path';
    default:
      return `cannot read the file: ${error instanceof Error ? error.message : String(error)}`;
  }
}
