// The page with 1,000 targets in the system's Chromium on loopback: size of its script, time to the first rows beside the
// same document without script, and the longest tasks while runs of all targets come in. `node bench/page.ts`

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { loadBuiltPage } from '../src/http/built-page.ts';
import { startBrowser } from '../test/e2e/browser.ts';
import { REROUTED, startLabExporter } from '../test/e2e/lab-exporter.ts';
import { type FakeApi, startFakeApi } from '../test/fake-api.ts';
import { ensurePage, PAGE_FOLDER } from '../web/build.ts';
import { quantile, renderTable } from './table.ts';

const TARGETS = 1000;
const LOADS = 9;
const INTERVAL = '10s';
const LIVE_MS = 30_000;
const BURSTS = 20;

/** Runs before the page's own script: notes when the first rows are there, and every task of more than 50 ms. */
const WATCH = `
  window.firstRowsMs = null;
  window.longTasks = [];
  new MutationObserver((_, observer) => {
    if (document.querySelector('.scroller .row') === null) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.firstRowsMs = performance.now(); }));
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) window.longTasks.push({ startTime, duration });
  }).observe({ type: 'longtask', buffered: true });
`;

async function freshPage(
  browser: Browser,
  script: boolean,
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    javaScriptEnabled: script,
  });
  const page = await context.newPage();
  if (script) await page.addInitScript(WATCH);
  return { context, page };
}

/** Milliseconds from the start of the navigation to the first rows on the screen, an empty cache each time. */
async function firstRows(browser: Browser, url: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < LOADS; i++) {
    const { context, page } = await freshPage(browser, true);
    await page.goto(url);
    while ((await page.evaluate('window.firstRowsMs')) === null) await page.waitForTimeout(5);
    times.push((await page.evaluate('window.firstRowsMs')) as number);
    await context.close();
  }
  return times;
}

/** The same document for a reader without script, until it is loaded: what the browser and the wire cost. */
async function withoutScript(browser: Browser, url: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < LOADS; i++) {
    const { context, page } = await freshPage(browser, false);
    const beganAt = performance.now();
    await page.goto(url, { waitUntil: 'load' });
    times.push(performance.now() - beganAt);
    await context.close();
  }
  return times;
}

interface Tasks {
  readonly longestMs: number;
  readonly over50: number;
  readonly over100: number;
}

/** Long tasks that begin while `body` runs, on a page that has all its targets. */
async function tasksDuring(
  browser: Browser,
  url: string,
  body: (page: Page) => Promise<void>,
): Promise<Tasks> {
  const { context, page } = await freshPage(browser, true);
  await page.goto(url);
  await page.getByText('Live', { exact: true }).waitFor();
  if (!url.includes('?')) await page.getByText(/^1,00\d targets$/).waitFor();
  else await page.locator('.plot canvas').waitFor();
  await page.waitForTimeout(1000);
  const from = await page.evaluate('performance.now()');
  await body(page);
  const durations = (await page.evaluate(
    `window.longTasks.filter(({ startTime }) => startTime >= ${from}).map(({ duration }) => duration)`,
  )) as number[];
  await context.close();
  return {
    longestMs: Math.max(0, ...durations),
    over50: durations.length,
    over100: durations.filter((duration) => duration > 100).length,
  };
}

/** Runs of all targets at once, again and again, while somebody scrolls. */
async function bursts(api: FakeApi, page: Page): Promise<void> {
  for (let i = 0; i < BURSTS; i++) {
    api.tellRuns();
    await page.mouse.move(700, 500);
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(300);
  }
}

const taskRow = (what: string, { longestMs, over50, over100 }: Tasks): string[] => [
  what,
  longestMs === 0 ? 'none over 50 ms' : `${longestMs.toFixed(0)} ms`,
  String(over50),
  String(over100),
];

await ensurePage();
const built = loadBuiltPage(PAGE_FOLDER);
if (built === null) throw new Error('The page is not built');
const sizes = [...built.files].map(([path, { plain, gzipped }]) => [
  path,
  `${plain.length}`,
  `${gzipped.length}`,
]);
const script = [...built.files].filter(([path]) => path.endsWith('.js'));
const total = script.reduce((sum, [, { gzipped }]) => sum + gzipped.length, 0);
console.log(
  renderTable(['file', 'bytes', 'gzipped'], [...sizes, ['all script', '', `${total} of at most 60000`]]),
);

const browser = await startBrowser();
{
  await using exporter = await startLabExporter({ more: TARGETS - 4, interval: INTERVAL });
  // Every target has been measured.
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  const rows = await firstRows(browser, exporter.url);
  const floor = await withoutScript(browser, exporter.url);
  const list = await tasksDuring(browser, exporter.url, (page) => page.waitForTimeout(LIVE_MS));
  const url = `${exporter.url}?target=${encodeURIComponent(`${REROUTED}/icmp`)}`;
  const target = await tasksDuring(browser, url, (page) => page.waitForTimeout(LIVE_MS));
  const ms = (values: readonly number[], share: number): string => `${quantile(values, share).toFixed(0)} ms`;
  console.log(
    `\nThe exporter with ${TARGETS} targets every ${INTERVAL}, ${LOADS} loads with an empty cache\n`,
  );
  console.log(
    renderTable(
      ['', 'median', 'worst', 'ratio'],
      [
        [
          'first rows on the screen',
          ms(rows, 0.5),
          ms(rows, 1),
          `${(quantile(rows, 0.5) / quantile(floor, 0.5)).toFixed(1)} x`,
        ],
        ['the same document without script', ms(floor, 0.5), ms(floor, 1), '1'],
      ],
    ),
  );
  console.log(`\nTasks of the page's thread while ${TARGETS} targets are measured, ${LIVE_MS / 1000} s\n`);
  console.log(
    renderTable(
      ['view', 'longest', 'over 50 ms', 'over 100 ms'],
      [taskRow('target list', list), taskRow('one target', target)],
    ),
  );
}
{
  await using api = await startFakeApi({ targets: TARGETS });
  const tasks = await tasksDuring(browser, api.url, (page) => bursts(api, page));
  console.log(
    `\nRuns of all ${TARGETS} targets in the same instant, ${BURSTS} times, while somebody scrolls\n`,
  );
  console.log(
    renderTable(
      ['view', 'longest', 'over 50 ms', 'over 100 ms'],
      [taskRow('target list, made-up API', tasks)],
    ),
  );
}
await browser.close();
