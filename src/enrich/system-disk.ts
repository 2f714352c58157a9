// The machine's own disk, for databases.

import { watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { DatabaseDisk } from './database-file.ts';

export function systemDisk(): DatabaseDisk {
  return {
    stamp: async (path) => {
      const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
      return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
    },
    read,
    watch: (directory, onChange) => {
      try {
        const watcher = watch(directory, { persistent: false }, (_, name) => onChange(name));
        // A directory that goes away is an error here; the look from time to time finds out what became of it.
        watcher.on('error', () => watcher.close());
        return { [Symbol.dispose]: () => watcher.close() };
      } catch {
        return undefined;
      }
    },
  };
}

/** In one buffer of the file's size: what a city database weighs should be there once. */
async function read(path: string, limit: number): Promise<Uint8Array> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const bytes = new Uint8Array(Math.min(size, limit + 1));
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
