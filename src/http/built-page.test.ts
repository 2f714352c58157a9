import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { fakeServices } from '../../test/fake-http-services.ts';
import { type BuiltPage, loadBuiltPage } from './built-page.ts';
import { parseListenAddress } from './listen-address.ts';
import { startHttpServer } from './server.ts';

const SCRIPT = 'export const hello = 1;\n'.repeat(200);

class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'hs-page-'));

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(join(this.path, 'assets'));
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.path, name), text);
      writeFileSync(join(this.path, `${name}.gz`), gzipSync(text));
    }
    const description = {
      source: 'x',
      script: 'assets/p-1.js',
      style: 'assets/s-1.css',
      files: Object.keys(files),
    };
    writeFileSync(join(this.path, 'page.json'), JSON.stringify(description));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

async function servePage(page: BuiltPage | null, prefix = ''): Promise<AsyncDisposable & { url: string }> {
  const server = await startHttpServer(fakeServices({ page }), {
    listen: [parseListenAddress('127.0.0.1:0')],
    prefix,
  });
  return { url: server.addresses[0]?.url ?? '', [Symbol.asyncDispose]: () => server.close(0) };
}

test('loadBuiltPage() gives null where nothing has been built', () => {
  assert.equal(loadBuiltPage('/nonexistent'), null);
});

test('the page is a document without script or style of its own, with the landing page for those who run none', async () => {
  using folder = new Folder({ 'assets/p-1.js': SCRIPT, 'assets/s-1.css': 'body{}' });
  await using server = await servePage(loadBuiltPage(folder.path), '/hop');
  const answer = await fetch(server.url);
  const body = await answer.text();
  assert.match(body, /<script type="module" src="assets\/p-1\.js"><\/script>/);
  assert.doesNotMatch(body, /<style|\sstyle=|<script(?![^>]* src=)|(src|href)="(https?:)?\//);
  assert.match(body, /<noscript>[\s\S]*a\.example\.org[\s\S]*Reached[\s\S]*<\/noscript>/);
  const policy = answer.headers.get('content-security-policy') ?? '';
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]) {
    assert.ok(policy.includes(rule), rule);
  }
  assert.doesNotMatch(policy, /unsafe|\*/);
  const landingStyle = /<noscript><link rel="stylesheet" href="([^"]+)">/.exec(body)?.[1] ?? '';
  for (const path of ['assets/p-1.js', 'assets/s-1.css', landingStyle]) {
    assert.equal((await fetch(new URL(path, server.url))).status, 200, path);
  }
});

test('files of the page are sent compressed as they were built, and may be kept for ever', async () => {
  using folder = new Folder({ 'assets/p-1.js': SCRIPT, 'assets/s-1.css': 'body{}' });
  const page = loadBuiltPage(folder.path);
  await using server = await servePage(page);
  const url = `${server.url}assets/p-1.js`;
  const zipped = await fetch(url);
  assert.equal(zipped.headers.get('content-encoding'), 'gzip');
  assert.equal(
    Number(zipped.headers.get('content-length')),
    page?.files.get('assets/p-1.js')?.gzipped.length,
  );
  assert.equal(zipped.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.match(zipped.headers.get('cache-control') ?? '', /immutable/);
  assert.equal(zipped.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(await zipped.text(), SCRIPT);
  const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.equal(await plain.text(), SCRIPT);
  assert.equal(gunzipSync(page?.files.get('assets/p-1.js')?.gzipped ?? '').toString(), SCRIPT);
});

test('the document has a tag, and is not sent again to a browser that has it', async () => {
  using folder = new Folder({ 'assets/p-1.js': SCRIPT, 'assets/s-1.css': 'body{}' });
  await using server = await servePage(loadBuiltPage(folder.path));
  const first = await fetch(server.url);
  const tag = first.headers.get('etag') ?? '';
  assert.match(tag, /^"[\w-]{22}"$/);
  assert.equal(first.headers.get('cache-control'), 'no-cache');
  const again = await fetch(server.url, { headers: { 'if-none-match': `"x", W/${tag}` } });
  assert.equal(again.status, 304);
  const other = await fetch(server.url, { headers: { 'if-none-match': '"x"' } });
  assert.equal(other.status, 200);
});

test('without a built page `/` says how to get it, and files of the page are nowhere listed', async () => {
  await using bare = await servePage(null);
  assert.match(await (await fetch(bare.url)).text(), /not been built.*npm start/);
  using folder = new Folder({ 'assets/p-1.js': SCRIPT, 'assets/s-1.css': 'body{}' });
  await using server = await servePage(loadBuiltPage(folder.path));
  const missing = await fetch(`${server.url}assets/p-2.js`);
  assert.equal(missing.status, 404);
  assert.doesNotMatch(await missing.text(), /assets\/p-1/);
});
