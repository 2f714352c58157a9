// `npm test`: makes sure of the system packages that the tests use and of the built page, then runs every test file
// under node:test.
// Arguments: files or folders to run instead of all.

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ensurePage } from '../web/build.ts';
import { ensureSystemPackages } from './system-packages.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['src', 'lab', 'web', 'test'];

function testFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return path.endsWith('.test.ts') ? [path] : [];
  return readdirSync(path)
    .filter((name) => name !== 'node_modules' && name !== 'output')
    .sort()
    .flatMap((name) => testFiles(join(path, name)));
}

const chosen = process.argv.slice(2);
const files = (chosen.length > 0 ? chosen : FOLDERS).flatMap((name) => testFiles(join(ROOT, name)));
const problem = ensureSystemPackages((line) => process.stderr.write(`${line}\n`));
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
await ensurePage();
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-timeout=300000', ...files.map((file) => relative(ROOT, file))],
  { cwd: ROOT, stdio: 'inherit' },
);
process.exit(status ?? 1);
