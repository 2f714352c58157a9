// Which files are the documentation.

import { globSync } from 'node:fs';
import { join } from 'node:path';
import { type MarkdownPage, readMarkdown } from './markdown.ts';

export const ROOT: string = join(import.meta.dirname, '../..');

const PATTERNS = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'docs/*.md',
  'docs/reference/*.md',
  'docs/runbooks/*.md',
  'deploy/README.md',
  'deploy/*/README.md',
];

/** Every page with its path below the repository's root. */
export function documentationPages(): readonly MarkdownPage[] {
  const paths = PATTERNS.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort();
  return paths.map((path) => ({ ...readMarkdown(join(ROOT, path)), path }));
}
