// Makes the pictures of the page beside this file, from `hopscope demo` in the system's Chromium:
// node_modules/.bin/node docs/images/make.ts (takes about two minutes: routes have to change first).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTab, startBrowser, until } from '../../test/e2e/browser.ts';
import { projectPath } from '../../test/e2e/servers.ts';
import { ensurePage } from '../../web/build.ts';

const FOLDER = import.meta.dirname;
/** Long enough for the demonstration's reroutes there and back. */
const WATCHED_MS = 100_000;

await ensurePage();
const demo = spawn(projectPath('bin/hopscope'), ['demo', '127.0.0.1:0'], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
try {
  const url = await listeningAt();
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  const browser = await startBrowser();
  await picture(browser, url, 'targets', 'document.querySelectorAll("[role=row]").length > 4', 620);
  const response = await fetch(new URL('api/v1/targets?filter=rerouted', url));
  const { items } = (await response.json()) as { items: { key: string }[] };
  const target = new URLSearchParams({ view: 'target', target: items[0]?.key ?? '' });
  await picture(browser, `${url}?${target}`, 'target', 'document.querySelector("svg") !== null', 1180);
  await browser.close();
} finally {
  demo.kill('SIGTERM');
  await once(demo, 'exit');
}

function listeningAt(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    demo.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /url=(\S+)/.exec(text)?.[1];
      if (url !== undefined) resolve(url.replaceAll('"', ''));
    });
    demo.once('exit', () => reject(new Error(`the demonstration ended: ${text}`)));
  });
}

async function picture(
  browser: Awaited<ReturnType<typeof startBrowser>>,
  url: string,
  name: string,
  ready: string,
  height: number,
): Promise<void> {
  await using tab = await openTab(browser, url, { width: 1180, height, colorScheme: 'light' });
  await until(tab.page, ready);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const session = await tab.page.context().newCDPSession(tab.page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 80 });
  writeFileSync(join(FOLDER, `${name}.webp`), Buffer.from(data, 'base64'));
}
