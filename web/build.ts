// Builds the page into dist/page: hashed files, each with a compressed twin, and page.json, which names them.
// Invariant: what is there was built of exactly these sources, or it is built anew; a half-built page is never in place.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type PageDescription, readDescription } from '../src/http/built-page.ts';

const WEB = import.meta.dirname;
const ROOT = join(WEB, '..');
export const PAGE_FOLDER: string = join(ROOT, 'dist/page');

/** Digest of everything that the page is made of. */
function digestSources(): string {
  const digest = createHash('sha256');
  const files = readdirSync(WEB, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of [...files, join(ROOT, 'package-lock.json')]) {
    digest.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return digest.digest('hex');
}

/** Whether the page had to be built. */
export async function ensurePage(): Promise<boolean> {
  const source = digestSources();
  if (readDescription(PAGE_FOLDER)?.source === source) return false;
  const folder = `${PAGE_FOLDER}.${process.pid}`;
  try {
    await buildInto(folder, source);
    rmSync(PAGE_FOLDER, { recursive: true, force: true });
    renameSync(folder, PAGE_FOLDER);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return true;
}

async function buildInto(folder: string, source: string): Promise<void> {
  const { build } = await import('vite');
  mkdirSync(folder, { recursive: true });
  const result = await build({
    root: WEB,
    base: './',
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      cssCodeSplit: false,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: {
        input: join(WEB, 'main.tsx'),
        output: {
          entryFileNames: 'assets/page-[hash].js',
          chunkFileNames: 'assets/[name]-[hash].js',
          assetFileNames: 'assets/[name]-[hash][extname]',
        },
      },
    },
  });
  if (!('output' in result)) throw new Error('vite gave no single output');
  const files = result.output.map(({ fileName }) => fileName);
  const script = result.output.find((file) => file.type === 'chunk' && file.isEntry)?.fileName;
  const style = files.find((name) => name.endsWith('.css'));
  if (script === undefined || style === undefined)
    throw new Error(`the page lacks script or style: ${files}`);
  for (const name of files) {
    writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name)), { level: 9 }));
  }
  const description: PageDescription = { source, script, style, files };
  writeFileSync(join(folder, 'page.json'), JSON.stringify(description));
}

if (import.meta.main) {
  const beganAt = performance.now();
  if (await ensurePage()) {
    process.stderr.write(`hopscope: built the page in ${Math.round(performance.now() - beganAt)} ms\n`);
  }
}
