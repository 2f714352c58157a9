// Which files a pattern names. As in Prometheus' file_sd, only the last part of the path may have wildcards.

import { basename, dirname, join, normalize } from 'node:path';
import type { ConfigFileSystem } from './file-system.ts';

/** Files that one pattern may name; a directory with more is a mistake. */
export const MAX_MATCHED_FILES = 1000;

export function hasWildcard(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** Why a pattern cannot be used, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.trim() === '') return 'the path is empty; write one such as targets/*.yml';
  if (pattern.includes('\0')) return 'the path has a control character in it';
  if (hasWildcard(dirname(pattern))) return 'only the last part of the path may have * or ? in it';
  if (!/\.(ya?ml|json)$/i.test(pattern)) return 'target files end in .yml, .yaml or .json';
  return undefined;
}

/** Paths of the files that `pattern` names now, sorted by name; a name without wildcards stands for itself. */
export async function matchingFiles(
  pattern: string,
  fileSystem: ConfigFileSystem,
): Promise<readonly string[]> {
  if (!hasWildcard(pattern)) return [normalize(pattern)];
  const directory = dirname(pattern);
  const names = await fileSystem.list(directory);
  return names
    .filter((name) => matchesWildcard(basename(pattern), name))
    .sort()
    .map((name) => join(directory, name));
}

/** `*` is any run of characters, `?` any one; a leading dot must be spelt out. Linear: a later `*` forgets the one before. */
export function matchesWildcard(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = n;
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star !== -1) {
      p = star + 1;
      n = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
