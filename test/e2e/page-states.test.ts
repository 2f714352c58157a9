// The page in states that no healthy exporter has: thousands of targets, none, hostile names, a lost connection,
// failing answers. And all of it by keyboard. Over the made-up API.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type FakeApi, type FakeApiOptions, startFakeApi } from '../fake-api.ts';
import { accessibilityProblems, keepPicture, openTab, startBrowser, until } from './browser.ts';

const HOSTILE = `"><img src=x onerror="alert(1)"><script>alert(2)</script><svg onload=alert(3)>`;
const TARGETS = 3000;

describe('the page over a made-up API', () => {
  let browser: Browser;

  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  /** A target's view by its number in the made-up world. */
  const view = (api: FakeApi, i: number, more = ''): string =>
    `${api.url}?target=${encodeURIComponent(api.world.targets[i]?.key ?? '')}${more}`;
  const start = (options: Partial<FakeApiOptions> = {}): Promise<FakeApi> =>
    startFakeApi({ targets: 60, ...options });

  it('draws the rows in view alone of thousands, with seams, sorted and filtered, and by keyboard to the last', async () => {
    await using api = await start({ targets: TARGETS, prefix: '/hop/scope' });
    await using tab = await openTab(browser, api.url);
    const { page } = tab;
    await page.getByText(`${TARGETS.toLocaleString('en')} targets`).waitFor();
    assert.ok((await page.locator('.scroller .row').count()) < 60);
    assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), String(TARGETS + 1));
    await page.locator('.scroller .strip .seam').first().waitFor({ state: 'attached' });
    await page.locator('.scroller .row a').first().focus();
    await page.keyboard.press('End');
    await until(page, `document.activeElement.closest('[data-row]')?.dataset.row === '${TARGETS - 1}'`);
    await page.keyboard.press('PageUp');
    await page.keyboard.press('ArrowUp');
    await until(page, `Number(document.activeElement.closest('[data-row]')?.dataset.row) < ${TARGETS - 3}`);
    const host = await page.evaluate('document.activeElement.textContent');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: String(host) }).waitFor();
    await page.locator('.plot canvas, .notice.is-empty').first().waitFor();
    await page.goBack();
    await page.getByLabel('Filter targets').fill('oslo site=oslo');
    await page.getByText(`of ${TARGETS.toLocaleString('en')}`).waitFor();
    await page.getByRole('columnheader', { name: 'RTT', exact: true }).getByRole('button').click();
    await page.waitForURL(/filter=oslo\+site%3Doslo&sort=rtt/);
    const rows = await rowTexts(page);
    assert.ok(rows.length > 10 && rows.every((text) => text.includes('oslo')));
    await using again = await openTab(browser, page.url());
    await again.page.getByText(`of ${TARGETS.toLocaleString('en')}`).waitFor();
    assert.equal((await rowTexts(again.page))[0]?.split('\n')[1], rows[0]?.split('\n')[1]);
    assert.deepEqual([tab.troubles, again.troubles], [[], []]);
  });

  it('reaches everything with Tab and arrow keys, and always shows where the focus is', async () => {
    await using api = await start();
    for (const url of [
      api.url,
      view(api, 1),
      view(api, 1, `&diff=${firstChange(api)}`),
      `${api.url}?view=changes`,
      `${api.url}?view=trace&protocol=tcp`,
    ]) {
      await using tab = await openTab(browser, url);
      const { page } = tab;
      await page.locator('.row, .graph .node, .group-head, .trace-form').first().waitFor();
      if (url.includes('target=')) await page.locator('.plot canvas').waitFor();
      const { stops, missed, unseen } = await tabThrough(page);
      assert.ok(stops > 8, `${url}: ${stops} stops`);
      assert.deepEqual({ missed, unseen }, { missed: [], unseen: [] }, url);
    }
  });

  it('walks the graph and the markers with arrow keys, and sets the focus period with the handles', async () => {
    await using api = await start();
    await using tab = await openTab(browser, view(api, 1));
    const { page } = tab;
    await page.locator('.graph .node').first().waitFor();
    const columns = await page.locator('.graph .columns > g').count();
    await page.locator('.graph .node[tabindex="0"]').focus();
    for (let i = 1; i < columns; i++) await page.keyboard.press('ArrowRight');
    await until(page, `document.activeElement.getAttribute('aria-label').includes('destination')`);
    for (let i = 1; i < columns; i++) await page.keyboard.press('ArrowLeft');
    await until(page, `document.activeElement.getAttribute('aria-label') === 'Vantage point'`);
    for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowRight');
    const first = await page.evaluate(`document.activeElement.getAttribute('aria-label')`);
    await page.keyboard.press(String(first).includes('AS64501') ? 'ArrowDown' : 'ArrowUp');
    assert.notEqual(await page.evaluate(`document.activeElement.getAttribute('aria-label')`), first);
    await page.keyboard.press('Enter');
    await page.waitForURL(/hop=6/);
    await page.locator('tr.marked').first().waitFor();
    await page.locator('.marker[tabindex="0"]').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.locator('.card.diff').waitFor();
    await until(page, `document.activeElement.id === 'diff-title'`);
    await page.getByRole('slider', { name: 'Focus from' }).focus();
    await page.keyboard.press('PageUp');
    await page.waitForURL(/from=\d+/);
    await page.getByRole('button', { name: 'Clear focus' }).waitFor();
    await page.keyboard.press('Home');
    await page.getByRole('button', { name: 'Clear focus' }).waitFor({ state: 'detached' });
    assert.deepEqual(tab.troubles, []);
  });

  it('takes script in names of targets, hops and systems for text', async () => {
    await using api = await start({ targets: 3, hostile: HOSTILE });
    await using tab = await openTab(browser, api.url);
    const { page } = tab;
    await page.getByRole('link', { name: HOSTILE }).click();
    await page.getByRole('heading', { name: HOSTILE }).waitFor();
    await page.locator('td.name').getByText(HOSTILE).waitFor();
    await page.locator('td.as').getByText(HOSTILE).waitFor();
    await page.getByRole('button', { name: 'Collapse by AS' }).click();
    await page.goto(
      `${api.url}?view=trace&host=${encodeURIComponent(HOSTILE)}&protocol=${encodeURIComponent(HOSTILE)}`,
    );
    await page.getByRole('button', { name: 'Trace', exact: true }).click();
    await page.getByText(`${HOSTILE} (198.18.0.1) reached`).waitFor();
    for (const name of [
      'target',
      'filter',
      'kind',
      'diff',
      'trace',
      'view',
      'state',
      'sort',
      'from',
      'span',
    ]) {
      await page.goto(`${api.url}?${name}=${encodeURIComponent(HOSTILE)}`);
      await page.locator('main h1, main .notice').first().waitFor({ state: 'attached' });
    }
    assert.equal(await page.locator('img, #page script').count(), 0);
    assert.deepEqual(tab.troubles, []);
  });

  it('says when what it shows is stale, and comes back by itself', async () => {
    await using api = await start();
    await using tab = await openTab(browser, api.url);
    const { page } = tab;
    await page.getByText('Live', { exact: true }).waitFor();
    api.cutFeeds(true);
    await page.getByText(/Stale for/).waitFor();
    await page.getByRole('alert').filter({ hasText: 'connection to hopscope is lost' }).waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await keepPicture(page, 'stale-1440-light');
    api.cutFeeds(false);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    api.tellRuns();
    assert.deepEqual(tab.troubles, []);
  });

  it('says why something cannot be read, and reads it once it can', async () => {
    await using api = await start();
    api.fail = (path) => (path.startsWith('targets') ? 503 : null);
    await using tab = await openTab(browser, api.url);
    const { page } = tab;
    await page.getByText('The targets cannot be read.').waitFor();
    await page.getByText('Told to fail.').waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await keepPicture(page, 'failure-1440-light');
    api.fail = null;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.scroller .row').first().waitFor();
    api.fail = (path) => (/timeline|route/.test(path) ? 503 : null);
    await page.goto(view(api, 1));
    await page.getByText('The timeline cannot be read.').waitFor();
    await page.getByText('The route cannot be read.').waitFor();
    assert.deepEqual(tab.troubles, []);
  });

  it('says what to do where there is nothing: no targets, no match, no such target, nothing measured, no trace', async () => {
    await using empty = await start({ targets: 0 });
    await using tab = await openTab(browser, empty.url);
    const { page } = tab;
    await page.getByText('No targets are configured.').waitFor();
    await keepPicture(page, 'empty-1440-light');
    await using api = await start();
    for (const [search, text] of [
      ['?filter=nowhere', 'No target matches.'],
      ['?target=nobody', 'There is no such target.'],
      [view(api, 13).slice(api.url.length), 'Nothing was measured in this period.'],
      ['?view=trace&trace=long-gone', 'It is no longer kept'],
      ['?view=changes&kind=unreachable', 'No such change in 1h.'],
    ] as const) {
      await page.goto(api.url + search);
      await page.getByText(text).waitFor();
      assert.deepEqual(await accessibilityProblems(page), [], search);
    }
    assert.deepEqual(tab.troubles, []);
  });
});

function rowTexts(page: Page): Promise<string[]> {
  return page.locator('.scroller .row').allInnerTexts();
}

function firstChange(api: FakeApi): number {
  const target = api.world.targets[1];
  const change = target && api.world.changesOf(target, Date.now() - 3_000_000, Date.now())[0];
  assert.ok(change !== undefined);
  return change.id;
}

const MOST_STOPS = 200;

/** Presses Tab all the way: how many stops there were, what was passed over, and where the focus could not be seen. */
async function tabThrough(page: Page): Promise<{ stops: number; missed: string[]; unseen: string[] }> {
  await page.evaluate(`(() => {
    window.reached = new Set();
    window.unseen = [];
    window.nameOf = (element) => element.tagName + '.' + element.getAttribute('class') + ' ' + (element.getAttribute('aria-label') ?? element.textContent).slice(0, 40);
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
  })()`);
  let stops = 0;
  for (; stops < MOST_STOPS; stops++) {
    await page.keyboard.press('Tab');
    const again = await page.evaluate(`(() => {
      const element = document.activeElement;
      if (element === document.body || window.reached.has(element)) return true;
      window.reached.add(element);
      const style = getComputedStyle(element);
      const halo = element.querySelector?.(':scope > .halo');
      const seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) ||
        (halo !== null && halo !== undefined && getComputedStyle(halo).stroke !== 'none');
      if (!seen) window.unseen.push(window.nameOf(element));
      return false;
    })()`);
    if (again === true) break;
  }
  return page.evaluate(`(() => {
    const all = [...document.querySelectorAll('a[href], button, input, select, [tabindex]')].filter((element) =>
      element.tabIndex >= 0 && !element.disabled && element.getClientRects().length > 0);
    return { stops: ${stops}, missed: all.filter((element) => !window.reached.has(element)).map(window.nameOf), unseen: window.unseen };
  })()`);
}
