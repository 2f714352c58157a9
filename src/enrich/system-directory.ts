// The directory over this machine's files and name servers.

import type { EnrichClock } from './database-file.ts';
import { type DirectoryOptions, EnrichedDirectory } from './directory.ts';
import { PtrResolver } from './ptr-resolver.ts';
import { systemDisk } from './system-disk.ts';

export interface SystemDirectoryOptions extends Pick<DirectoryOptions, 'follow' | 'onLoaded' | 'onProblem'> {
  readonly clock: EnrichClock;
}

/** Knows nothing until settings are applied. */
export function systemDirectory(options: SystemDirectoryOptions): EnrichedDirectory {
  const names = new PtrResolver({ now: () => options.clock.now() });
  return new EnrichedDirectory({ ...options, disk: systemDisk(), names });
}
