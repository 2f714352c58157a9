// Writes what the documentation has of the program itself: the reference pages, and the output of terminal sessions
// that are marked `console lab=SCENARIO`. Run it after a change of options, keys, metrics or texts:
// node_modules/.bin/node docs/generate.ts

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labSession } from '../test/docs/lab-sessions.ts';
import { parseMarkdown } from '../test/docs/markdown.ts';
import { referencePages } from '../test/docs/reference-pages.ts';

const DOCS = import.meta.dirname;

for (const [path, text] of await referencePages()) write(join(DOCS, path), text);
const pages = readdirSync(DOCS).filter((name) => name.endsWith('.md'));
for (const path of [...pages.map((name) => join(DOCS, name)), join(DOCS, '../README.md')]) {
  write(path, await withSessions(path));
}

/** The page with the output of each session anew, from the last to the first so that lines stay where they are. */
async function withSessions(path: string): Promise<string> {
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  for (const fence of parseMarkdown(path, text).fences.toReversed()) {
    if (!fence.settings.has('lab')) continue;
    const session = (await labSession(fence)).replace(/\n$/, '').split('\n');
    lines.splice(fence.line, fence.text.split('\n').length - 1, ...session);
  }
  return lines.join('\n');
}

function write(path: string, text: string): void {
  if (readFileSync(path, { encoding: 'utf8', flag: 'a+' }) === text) return;
  writeFileSync(path, text);
  process.stdout.write(`written: ${path}\n`);
}
