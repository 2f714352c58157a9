// The page as web/build.ts left it in dist/page: every file in memory, compressed already, named by its content.
// Invariant: a file's name changes with its content, so browsers may keep it for ever.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { negotiateEncoding } from '../metrics/content-negotiation.ts';
import { type Answer, headerText } from './response.ts';
import type { Handler } from './router.ts';

/** What dist/page/page.json says; web/build.ts writes it. */
export interface PageDescription {
  /** Digest of the sources that it was built of. */
  readonly source: string;
  /** Paths below the folder, and below the page's own URL. */
  readonly script: string;
  readonly style: string;
  readonly files: readonly string[];
}

export interface BuiltPage {
  readonly script: string;
  readonly style: string;
  /** By path below the page's own URL, such as `assets/page-1a2b3c4d.js`. */
  readonly files: ReadonlyMap<string, PageFile>;
}

export interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};

const FOR_EVER = 'public, max-age=31536000, immutable';

/** The page in `folder`, or null where none has been built. */
export function loadBuiltPage(folder: string): BuiltPage | null {
  const description = readDescription(folder);
  if (description === null) return null;
  const files = new Map<string, PageFile>();
  for (const path of description.files) {
    const type = TYPES[path.slice(path.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    files.set(path, {
      type,
      plain: readFileSync(join(folder, path)),
      gzipped: readFileSync(join(folder, `${path}.gz`)),
    });
  }
  return { script: description.script, style: description.style, files };
}

export function readDescription(folder: string): PageDescription | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'page.json'), 'utf8')) as PageDescription;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Answers one file of the page. */
export function pageFileHandler({ type, plain, gzipped }: PageFile): Handler {
  return ({ headers }): Answer => {
    const zip = negotiateEncoding(headerText(headers['accept-encoding'])) !== 'identity';
    return {
      status: 200,
      type,
      body: zip ? gzipped : plain,
      headers: { 'Cache-Control': FOR_EVER, ...(zip ? { 'Content-Encoding': 'gzip' } : {}) },
    };
  };
}
