import { setTimeout } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { pokes, subscribe } from './try-page.ts';
import { visit } from './visit.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** Appends up to 5,000 messages per second until disposed of; returns the number appended. */
function startFlood(app: TestApp) {
  let appended = 0;
  let isOver = false;
  const batch = Array(250).fill({ type: 'Made', data: {} });
  const running = (async () => {
    while (!isOver) {
      await app.append(`account-${appended % 7}`, batch);
      appended += batch.length;
      await setTimeout(50);
    }
    return appended;
  })();
  const stop = () => {
    isOver = true;
    return running;
  };
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** Longer than the default, for a busy machine. */
const soon = { timeout: 20_000 };

const many = (count: number) => Array(count).fill({ type: 'Made', data: {} });
const newPokes = (page: Page) => page.getByRole('button', { name: / new ↑$/ });
const countOf = (page: Page) => page.locator('#count').textContent();
const focused = (page: Page) => page.evaluate('document.activeElement.textContent || document.activeElement.id');
const sheet = (page: Page) => page.locator('#message');

test('During a flood of pokes, rows stay still under the pointer, a click opens one, and each poke is counted.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await using flood = startFlood(app);
  await page.getByText(/\d\/s$/).waitFor();
  await page.locator('#pokes').hover();
  await newPokes(page).waitFor();
  const before = await pokes(page).allTextContents();
  const waiting = await newPokes(page).textContent();
  await expect.poll(() => newPokes(page).textContent(), soon).not.toBe(waiting);
  expect(await pokes(page).allTextContents()).toEqual(before);
  for (const row of [1, 4, 8]) {
    await pokes(page).nth(row).click();
    await page.getByRole('heading', { name: /account-\d/.exec(before[row]!)![0] }).waitFor();
    expect(await page.locator('#pokes > [aria-current]').textContent()).toBe(before[row]);
  }
  await newPokes(page).click();
  await expect.poll(() => pokes(page).first().textContent(), soon).not.toBe(before[0]);
  const appended = await flood.stop();
  await expect.poll(() => countOf(page), soon).toBe(appended.toLocaleString('en'));
  expect(await pokes(page).count()).toBeLessThanOrEqual(201);
  expect(visitor.complaints).toEqual([]);
});

test('The list waits while paused by button or key, and shows how many pokes arrived.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(1));
  await pokes(page).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await app.append('account-1', many(1_100));
  await page.getByRole('button', { name: '1,100 new ↑' }).click();
  expect(await page.locator('#pokes .place').first().textContent()).toBe('1,100');
  expect(await newPokes(page).count()).toBe(0);

  await app.append('account-1', many(2));
  await page.getByRole('button', { name: '2 new ↑' }).waitFor();
  await page.keyboard.press('p');
  await expect.poll(() => page.locator('#pokes .place').first().textContent(), soon).toBe('1,102');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
});

test('The list waits while it is scrolled down or its text is selected.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(60));
  await pokes(page).nth(59).waitFor();
  for (const [take, give] of [
    [`document.getElementById('pokes').scrollTop = 200`, `document.getElementById('pokes').scrollTop = 0`],
    [`getSelection().selectAllChildren(document.getElementById('pokes'))`, 'getSelection().empty()'],
  ] as const) {
    const before = await pokes(page).count();
    await page.evaluate(take);
    await app.append('account-1', many(1));
    await page.getByRole('button', { name: '1 new ↑' }).waitFor();
    expect(await pokes(page).count()).toBe(before);
    await page.evaluate(give);
    await pokes(page).nth(before).waitFor();
  }
});

test('The keyboard moves between rows, opens one, closes it and leaves the list, which is a single tab stop.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(120));
  await pokes(page).nth(119).waitFor();
  const { keyboard } = page;
  await keyboard.press('/');
  expect(await focused(page)).toBe('filter');
  await keyboard.press('Tab');
  expect(await focused(page)).toBe('Pause');
  await keyboard.press('Tab');
  const at = async (key: string) => {
    await keyboard.press(key);
    return page.evaluate(`document.activeElement.querySelector('.place')?.textContent`);
  };
  expect(await page.evaluate(`document.activeElement.querySelector('.place').textContent`)).toBe('119');
  expect([await at('ArrowDown'), await at('ArrowDown'), await at('ArrowUp')]).toEqual(['118', '117', '118']);
  expect([await at('End'), await at('ArrowDown'), await at('Home'), await at('ArrowUp')]).toEqual([
    '0',
    '0',
    '119',
    '119',
  ]);
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'account-1 at 119' }).waitFor();
  // Nor does it move while the keyboard is used.
  await app.append('account-1', many(300));
  await page.getByRole('button', { name: '300 new ↑' }).waitFor();
  expect(await at('ArrowDown')).toBe('118');
  await keyboard.press('Escape');
  await sheet(page).waitFor({ state: 'hidden' });
  expect(await at('ArrowUp')).toBe('119');
  await keyboard.press('Escape');
  await expect.poll(() => page.locator('#pokes .place').first().textContent(), soon).toBe('419');
  await keyboard.press('Tab');
  expect(await page.evaluate(`document.activeElement.closest('#pokes')`)).toBe(null);
});

test('The open row stays in the list and visible when newer rows replace the others.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(1));
  await pokes(page).click();
  await page.getByRole('heading', { name: 'account-1 at 0' }).waitFor();
  await page.getByLabel('Data').click();
  await app.append('account-1', many(450));
  await page.getByText('450', { exact: true }).first().waitFor();
  const row = page.locator('#pokes > [aria-current]');
  expect(await row.locator('.place').textContent()).toBe('0');
  const [list, shown] = [await page.locator('#pokes').boundingBox(), await row.boundingBox()];
  expect(shown!.y + shown!.height).toBeLessThanOrEqual(list!.y + list!.height);
});

test('A filter keeps only pokes of matching streams.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(1));
  await app.append('account-2', many(1));
  await pokes(page).nth(1).waitFor();
  await page.getByLabel('Filter streams').fill('-2');
  const streams = () => page.locator('#pokes .stream:visible').allTextContents();
  expect(await streams()).toEqual(['account-2']);
  await app.append('account-1', many(300));
  await app.append('account-2', many(1));
  await expect.poll(streams, soon).toEqual(['account-2', 'account-2']);
  await expect.poll(() => countOf(page), soon).toBe('303');
});

test('A message is read beside the list, from row to row, and copied as it is stored; only its title is announced.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await subscribe(page);
  for (const amount of [1, 2, 3]) await app.append(`account-${amount}`, { type: 'Made', data: { amount } });
  await pokes(page).nth(2).waitFor();
  await pokes(page).nth(1).click();
  await page.getByRole('heading', { name: 'account-2 at 0' }).waitFor();
  await page.getByText(/^Made · stored \d\d:\d\d:\d\d\.\d{3}, poked \+[\d,]+ ms$/).waitFor();
  const said = sheet(page).locator('xpath=following-sibling::*[@role="status"]');
  expect(await said.textContent()).toBe('account-2 at 0');
  await page.getByRole('button', { name: 'Older poke' }).click();
  await page.getByRole('heading', { name: 'account-1 at 0' }).waitFor();
  await page.getByRole('button', { name: 'Newer poke' }).click();
  await page.getByRole('heading', { name: 'account-2 at 0' }).waitFor();
  await page.getByRole('button', { name: 'Newer poke' }).click();
  await page.getByRole('heading', { name: 'account-3 at 0' }).waitFor();
  await sheet(page).getByRole('button', { name: 'Copy' }).click();
  await page.getByText('Copied').waitFor();
  expect(JSON.parse(await page.evaluate('navigator.clipboard.readText()'))).toMatchObject({
    stream: 'account-3',
    data: { amount: 3 },
  });
  await page.getByRole('button', { name: 'Close' }).focus();
  await page.keyboard.press('Escape');
  await sheet(page).waitFor({ state: 'hidden' });
  expect(await focused(page)).toContain('account-3');
});

test('A message links to its position in its stream.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1/ä?#', many(3));
  await pokes(page).nth(1).click();
  await page.getByRole('link', { name: 'Open stream' }).click();
  await page.getByRole('heading', { name: 'account-1/ä?#' }).first().waitFor();
  expect(page.url()).toBe(`${app.url}/browse#${encodeURIComponent('account-1/ä?#')}/1`);
});

test('On a phone the open row stays visible above the sheet with its message.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`, { viewport: { width: 390, height: 844 } });
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(9));
  await pokes(page).nth(8).click();
  await page.getByRole('heading', { name: 'account-1 at 0' }).waitFor();
  const distance = async () => {
    const [row, below] = [await pokes(page).nth(8).boundingBox(), await sheet(page).boundingBox()];
    return below!.y - (row!.y + row!.height);
  };
  await expect.poll(distance, soon).toBeGreaterThanOrEqual(0);
});

test('Numbers are written as the visitor’s language writes them, and times to the millisecond.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`, { locale: 'de-DE', timezoneId: 'Europe/Berlin' });
  const { page } = visitor;
  await subscribe(page);
  await app.append('account-1', many(1_235));
  await page.getByText('1.235', { exact: true }).first().waitFor();
  expect(await countOf(page)).toBe('1.235');
  const time = pokes(page).first().locator('time');
  expect(await time.textContent()).toMatch(/^\d\d:\d\d:\d\d,\d{3}$/);
  expect(await time.getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  // The count runs ahead of the rows.
  await expect.poll(() => page.locator('#pokes .place').first().textContent(), soon).toBe('1.234');
  await pokes(page).first().click();
  await page.getByRole('heading', { name: 'account-1 at 1.234' }).waitFor();
});
