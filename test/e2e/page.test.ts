// The page as people use it: the real exporter over the simulated internet, the real browser, mouse and keyboard.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { accessibilityProblems, keepPicture, openTab, startBrowser, type Tab, until } from './browser.ts';
import { BALANCED, type LabExporter, LOSSY, REROUTED, startLabExporter } from './lab-exporter.ts';

const HOSTILE = `"><img src=x onerror="alert(1)"><script>alert(2)</script>`;

const view = (target: string, more = ''): string => `?target=${encodeURIComponent(`${target}/icmp`)}${more}`;

describe('the page over the lab', () => {
  let browser: Browser;
  let exporter: LabExporter;

  before(async () => {
    [browser, exporter] = await Promise.all([startBrowser(), startLabExporter({ label: HOSTILE })]);
    const tab = await openTab(browser, exporter.url);
    await reroutedTwice(tab.page, exporter);
    await tab[Symbol.asyncDispose]();
  });
  after(async () => {
    await browser.close();
    await exporter[Symbol.asyncDispose]();
  });

  it('shows a reroute as a seam, opens the comparison at its marker, and the URL gives the same view again', async () => {
    await using tab = await openTab(browser, exporter.url);
    const { page } = tab;
    const row = page.getByRole('row').filter({ hasText: REROUTED });
    await row.getByText(/AS64511|AS64501/).waitFor();
    await row.getByRole('link').click();
    await page.locator('.path-strip .seam').first().waitFor({ state: 'attached' });
    await page.locator('.marker').first().click();
    const diff = page.locator('.card.diff');
    await diff.getByRole('heading').waitFor();
    assert.ok((await diff.locator('tr.mark-removed').count()) > 0);
    assert.ok((await diff.locator('tr.mark-added').count()) > 0);
    assert.ok((await diff.locator('tr.mark-kept').count()) > 3, 'hops after the detour are kept');
    await keepPicture(page, 'diff-1440-light');
    const shown = await diff.innerText();
    await using again = await openTab(browser, page.url());
    await again.page.locator('.card.diff').getByRole('heading').waitFor();
    assert.equal(await again.page.locator('.card.diff').innerText(), shown);
    await page.keyboard.press('Escape');
    await diff.waitFor({ state: 'detached' });
    await page.goBack();
    await diff.waitFor();
    assert.deepEqual([tab.troubles, again.troubles], [[], []]);
  });

  it('recomputes graph and table for a period that is dragged over the timeline', async () => {
    await using tab = await openTab(browser, exporter.url + view(REROUTED));
    const { page } = tab;
    await page.locator('.plot canvas').waitFor();
    const whole = await nodes(page);
    assert.ok(
      whole.some((label) => label.includes('AS64511')) && whole.some((label) => label.includes('AS64501')),
    );
    // A stretch of one path alone: from just after one seam to just before the next.
    const strip = page.locator('.path-strip');
    const rects = await strip.locator('rect').all();
    const box = await rects[1]?.boundingBox();
    assert.ok(box);
    const y = box.y - 60;
    await page.mouse.move(box.x + box.width * 0.25, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, y, { steps: 3 });
    await page.mouse.move(box.x + box.width * 0.8, y, { steps: 3 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/);
    await page.getByRole('button', { name: 'Clear focus' }).waitFor();
    await until(page, `document.querySelectorAll('.graph .node').length < ${whole.length}`);
    const focused = await nodes(page);
    assert.ok(
      focused.every((label) => !/on \d+ % of traces/.test(label)),
      focused.join('\n'),
    );
    assert.equal(await page.locator('table.hops tbody tr').count(), focused.length - 1);
    await using again = await openTab(browser, page.url());
    await again.page.getByRole('button', { name: 'Clear focus' }).waitFor();
    await again.page.locator('.graph .node').first().waitFor();
    assert.deepEqual(await nodes(again.page), focused);
    await page.getByRole('button', { name: 'Compare start and end' }).click();
    await page.locator('.card.diff').getByText('0 removed').waitFor();
    assert.deepEqual(tab.troubles, []);
  });

  it('draws shares, silent hops, systems and losses, and puts hops of one AS together', async () => {
    await using tab = await openTab(browser, exporter.url + view(BALANCED));
    const { page } = tab;
    await page.locator('.graph .node').first().waitFor();
    assert.ok((await nodes(page)).filter((label) => label.includes('AS64500')).length > 1);
    const before = await page.locator('.graph .node').count();
    await page.getByRole('button', { name: 'Collapse by AS' }).click();
    await page.waitForURL(/as=collapsed/);
    const labels = await nodes(page);
    assert.ok(labels.length < before);
    assert.ok(
      labels.some((label) => label.startsWith('Hop 1:')),
      'the first hop is never collapsed',
    );
    assert.ok(
      labels.some((label) => label.includes('destination')),
      'nor is the last',
    );
    await page.goto(exporter.url + view(REROUTED));
    await page.locator('.graph .node.is-silent').first().waitFor();
    await page.locator('.link.unseen').first().waitFor({ state: 'attached' });
    assert.ok((await page.locator('.boundary').allInnerTexts()).length > 3);
    await page
      .getByText(/\+\d+ ms/)
      .first()
      .waitFor();
    await page.goto(exporter.url + view(LOSSY));
    await page
      .getByText(/Losing/)
      .first()
      .waitFor();
    await page.getByText(/Reached in 5 hops, .* lost/).waitFor();
    assert.deepEqual(tab.troubles, []);
  });

  it('follows runs and changes as they happen', async () => {
    await using tab = await openTab(browser, exporter.url + view(REROUTED));
    const { page } = tab;
    await page.getByText('Live', { exact: true }).waitFor();
    const before = await page.locator('.period-changes li').count();
    exporter.reroute(true);
    await until(page, `document.querySelectorAll('.period-changes li').length > ${before}`);
    exporter.reroute(false);
    await until(page, `document.querySelectorAll('.period-changes li').length > ${before + 1}`);
    assert.deepEqual(tab.troubles, []);
  });

  it('folds changes into entries that lead to the comparison', async () => {
    await using tab = await openTab(browser, `${exporter.url}?view=changes`);
    const { page } = tab;
    const entry = page.locator('.group-head').first();
    await entry.click();
    assert.equal(await entry.getAttribute('aria-expanded'), 'true');
    await page.locator('.members a').first().click();
    await page.locator('.card.diff').getByRole('heading').waitFor();
    assert.deepEqual(tab.troubles, []);
  });

  it('traces now, and the link shows the same trace to others', async () => {
    await using tab = await openTab(browser, `${exporter.url}?view=trace`);
    const { page } = tab;
    await page.getByLabel('Host or address').fill(BALANCED);
    await page.getByLabel('Protocol').selectOption('tcp');
    await page.getByLabel('Port').fill('443');
    await page.keyboard.press('Enter');
    await page.getByText(new RegExp(`${BALANCED} reached in 6 hops`)).waitFor();
    assert.equal(await page.locator('.graph .node.is-destination').count(), 1);
    await using again = await openTab(browser, page.url());
    await again.page.getByText(new RegExp(`${BALANCED} reached in 6 hops`)).waitFor();
    assert.deepEqual(await nodes(again.page), await nodes(page));
    await page.getByLabel('Host or address').fill('not a host!');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Bad host' }).waitFor();
    assert.deepEqual([tab.troubles, again.troubles], [[], []]);
  });

  it('shows script in labels as text', async () => {
    await using tab = await openTab(browser, exporter.url);
    const { page } = tab;
    await page.getByText(HOSTILE).first().waitFor();
    await page.getByRole('link', { name: REROUTED, exact: true }).click();
    await page.getByText(HOSTILE).first().waitFor();
    assert.equal(await page.locator('img, #page script').count(), 0);
    assert.deepEqual(tab.troubles, []);
  });

  it('gives who runs no script the targets, and a form that traces', async () => {
    await using tab = await openTab(browser, exporter.url, { javaScriptEnabled: false });
    const { page } = tab;
    await page.getByRole('heading', { name: 'hopscope' }).waitFor();
    await page.getByRole('link', { name: REROUTED, exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Target' }).fill(BALANCED);
    await page.getByRole('button', { name: 'Trace' }).click();
    await page.getByText(/probe_success 1/).waitFor();
    assert.deepEqual(tab.troubles, []);
  });

  for (const width of [360, 1440]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`has no accessibility problem and nothing cut off at ${width} px, ${colorScheme}`, async () => {
        await using tab = await openTab(browser, exporter.url, { width, colorScheme });
        for (const [name, search, ready] of VIEWS) {
          await visit(tab, exporter.url + search, ready);
          const scrolled = await tab.page.evaluate('document.documentElement.scrollWidth');
          assert.equal(scrolled, width, `${name} is wider than the window`);
          assert.deepEqual(await accessibilityProblems(tab.page), [], name);
          await keepPicture(tab.page, `${name}-${width}-${colorScheme}`);
        }
        assert.deepEqual(tab.troubles, []);
      });
    }
  }

  it('fills 2560 px', async () => {
    await using tab = await openTab(browser, exporter.url + view(REROUTED), { width: 2560, height: 1300 });
    await tab.page.locator('.graph .node').first().waitFor();
    const box = await tab.page.locator('.graph svg').boundingBox();
    assert.ok(box !== null && box.width > 1200);
    await keepPicture(tab.page, 'target-2560-light');
  });

  it('moves nothing for readers who want no motion', async () => {
    await using tab = await openTab(browser, exporter.url, { reducedMotion: 'reduce' });
    await tab.page.getByRole('row').nth(1).waitFor();
    const moving = await tab.page.evaluate(`[...document.querySelectorAll('*')].filter((element) => {
      const { transitionDuration, animationName } = getComputedStyle(element);
      return animationName !== 'none' || transitionDuration.split(',').some((text) => parseFloat(text) > 0);
    }).length`);
    assert.equal(moving, 0);
  });
});

const VIEWS: readonly (readonly [string, string, string])[] = [
  ['targets', '', '.scroller .row'],
  ['target', view(REROUTED), '.path-strip .seam'],
  ['target-lossy', view(LOSSY, '&as=collapsed&hop=4'), '.graph .node'],
  ['changes', '?view=changes', '.group-head'],
  ['trace', '?view=trace', '.trace-form'],
];

async function visit({ page }: Tab, url: string, ready: string): Promise<void> {
  await page.goto(url);
  await page.locator(ready).first().waitFor({ state: 'attached' });
  await page.getByText('Live', { exact: true }).waitFor();
}

async function nodes(page: Page): Promise<string[]> {
  return page
    .locator('.graph .node')
    .evaluateAll((all) => all.map((node) => node.getAttribute('aria-label') ?? ''));
}

/** There and back, each long enough to be drawn, so that there are two changes and three stretches. */
async function reroutedTwice(page: Page, exporter: LabExporter): Promise<void> {
  await page.goto(exporter.url + view(REROUTED));
  for (const [stretches, detour] of [
    [1, true],
    [2, false],
    [3, null],
  ] as const) {
    await until(
      page,
      `(() => {
      const all = document.querySelectorAll('.path-strip rect');
      return all.length === ${stretches} && all[${stretches - 1}].getBoundingClientRect().width > 35;
    })()`,
    );
    if (detour !== null) exporter.reroute(detour);
  }
}
