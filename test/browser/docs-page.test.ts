import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { append, pokes, subscribe } from './try-page.ts';
import { visit } from './visit.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

test('a visitor subscribes, appends, sees the poke, and reads its message, without errors in the browser', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/`);
  const { page } = visitor;
  expect(page.url()).toBe(`${app.url}/docs`);

  await subscribe(page);
  await page.getByLabel('Data').fill('{"amount": 12345678901234567890.10, "note": "<b>&amp;</b>"}');
  await append(page);
  await page.getByText('Stored: account-123 at 0, global position 1').waitFor();
  await pokes(page).click();
  await page.getByRole('heading', { name: 'account-123 at 0' }).waitFor();

  const shown = await page.locator('#message-text').textContent();
  expect(shown).toContain('"amount": 12345678901234567890.10');
  expect(shown).toContain('"note": "<b>&amp;</b>"');
  expect(await page.locator('#count').textContent()).toBe('1');
  expect(visitor.complaints).toEqual([]);
});

test('names that look like markup and paths stay text on the page and reach their stream', async () => {
  await using app = await startTestApp();
  const stream = '<img src=x onerror=alert(1)>/../"é?#%-1';
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Kind of selector').selectOption('stream');
  await page.getByLabel('To', { exact: true }).fill(stream);
  await subscribe(page);
  await page.getByLabel('Stream', { exact: true }).fill(stream);
  await append(page);
  await pokes(page).click();
  await page.getByRole('heading', { name: `${stream} at 0` }).waitFor();
  expect(await pokes(page).textContent()).toContain(stream);
  expect(visitor.complaints).toEqual([]);
});

test('several selectors make one subscription, and a selector can be removed', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByLabel('To', { exact: true }).fill('order');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByLabel('Kind of selector').selectOption('stream');
  await page.getByLabel('To', { exact: true }).fill('invoice-7');
  await page.getByRole('button', { name: 'Remove account' }).click();
  await subscribe(page);
  expect(await page.locator('#subscribe-line code').textContent()).toBe(
    `curl -N '${app.url}/subscribe?category=order&stream=invoice-7'`,
  );
  for (const stream of ['account-1', 'order-1', 'invoice-7', 'invoice-8', 'order-2']) {
    expect((await app.append(stream, { type: 'Made', data: {} })).status).toBe(201);
  }
  await pokes(page).nth(2).waitFor();
  const streams = await page.locator('#pokes .stream').allTextContents();
  expect(streams).toEqual(['order-2', 'invoice-7', 'order-1']);
});

test("a visitor subscribes to everything from now on, or to a group member's share of a category", async () => {
  await using app = await startTestApp();
  const appended = await app.append('account-1', { type: 'Made', data: {} });
  expect(appended.status).toBe(201);
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Kind of selector').selectOption('all');
  await subscribe(page);
  await append(page);
  await pokes(page).waitFor();
  expect(await page.locator('#pokes .global').allTextContents()).toEqual(['2']);

  await page.getByLabel('Kind of selector').selectOption('category');
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByLabel('Consumer').fill('0');
  await page.getByLabel('Group size').fill('1');
  await page.getByRole('button', { name: 'Resubscribe' }).click();
  await pokes(page).nth(2).waitFor();
  const shown = (await page.locator('#pokes > li').allTextContents()).map((text) => text.replace(/ ?\d\d:.*/, ''));
  expect(shown).toEqual([
    '2account-1230',
    '1account-10',
    'Subscribed to category account, consumer 0 of 1 at',
    '2account-1230',
    'Subscribed to everything at',
  ]);
});

test('the page fits a narrow screen', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`, { viewport: { width: 360, height: 740 } });
  const { page } = visitor;
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
});
