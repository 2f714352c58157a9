// The system's Chromium for tests of the page. Invariant: whatever the page logs as an error, throws, or is refused by
// its own policy is kept, so that a test can say that there was nothing.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { projectPath } from './servers.ts';

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PLACES = ['/usr/bin/chromium', '/usr/local/bin/chromium', '/usr/bin/chromium-browser'];

/** A browser with a profile of its own, gone when it is closed. */
export function startBrowser(): Promise<Browser> {
  const executablePath = PLACES.find((place) => existsSync(place));
  if (executablePath === undefined)
    throw new Error('There is no chromium; test/system-packages.ts installs it.');
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** What went wrong in it. */
  readonly troubles: readonly string[];
}

export interface TabOptions extends BrowserContextOptions {
  readonly width?: number;
  readonly height?: number;
}

export async function openTab(browser: Browser, url: string, options: TabOptions = {}): Promise<Tab> {
  const { width = 1440, height = 900, ...rest } = options;
  const context = await browser.newContext({ viewport: { width, height }, ...rest });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // A refused feed is what some tests are about; the browser logs it by itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      troubles.push(message.text());
    }
  });
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol !== 'data:' && hostname !== '127.0.0.1') troubles.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, troubles, [Symbol.asyncDispose]: () => context.close() };
}

/** Resolves once `expression` is true in the page; the page's own policy does not let playwright wait for it there. */
export async function until(page: Page, expression: string, limitMs = 60_000): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (Date.now() < giveUpAt) {
    if ((await page.evaluate(expression)) === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`It never came true in the page: ${expression}`);
}

const OUTPUT = projectPath('test/output');

/** Keeps a picture of the whole page for people to look at. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  await page.screenshot({ path: join(OUTPUT, `page-${name}.png`), fullPage: true });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeViolation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What the automated accessibility check finds, one line each. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const violations = (await page.evaluate(
    'axe.run().then(({ violations }) => violations)',
  )) as AxeViolation[];
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  );
}
