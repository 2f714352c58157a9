import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadBuiltPage } from '../src/http/built-page.ts';
import { ensurePage, PAGE_FOLDER } from './build.ts';

const MOST_SCRIPT_BYTES = 60_000;

test('ensurePage() leaves a page of these sources, and has nothing to do a second time', async () => {
  await ensurePage();
  assert.equal(await ensurePage(), false);
});

test('the page has at most 60 KB of script, compressed, all of it together', async () => {
  await ensurePage();
  const page = loadBuiltPage(PAGE_FOLDER);
  assert.ok(page !== null);
  const scripts = [...page.files].filter(([path]) => path.endsWith('.js'));
  const bytes = scripts.reduce((sum, [, { gzipped }]) => sum + gzipped.length, 0);
  assert.ok(scripts.length > 0 && bytes <= MOST_SCRIPT_BYTES, `${bytes} bytes`);
});

test('the page names nothing elsewhere, evaluates no text as script and writes no markup', async () => {
  await ensurePage();
  const page = loadBuiltPage(PAGE_FOLDER);
  assert.ok(page !== null);
  for (const [path, { plain }] of page.files) {
    const text = plain.toString();
    const urls = (text.match(/https?:\/\/[^\s"'`)]+/g) ?? []).filter(
      (url) => !url.startsWith('http://www.w3.org/'),
    );
    assert.deepEqual(urls, [], path);
    assert.doesNotMatch(text, /\beval\(|new Function\(|document\.write|insertAdjacentHTML|@import/, path);
  }
});
