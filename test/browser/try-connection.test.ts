import type { Browser, Page } from 'playwright-core';
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

// The page may have reconnected already, so that the button is hidden.
const retryNow = (page: Page) => page.getByText('Retry now').dispatchEvent('click');

const iconOf = (page: Page) => page.locator('link[rel="icon"]').getAttribute('href');

test('The header, title and icon say since when the server is unreachable and when the page will retry.', async () => {
  const first = await startTestApp();
  await using visitor = await visit(browser, `${first.url}/docs`);
  const { page } = visitor;
  expect([await page.title(), await iconOf(page)]).toEqual(['Pokewire', 'common/icon.svg']);
  await subscribe(page);
  expect([await page.title(), await iconOf(page)]).toEqual(['open – Pokewire', 'docs/icon-open.svg']);
  await first.close();
  await page.getByText('reconnecting', { exact: true }).waitFor();
  await page.getByText(/^since \d\d:\d\d:\d\d$/).waitFor();
  await page.getByText(/^(next try in \d+ s|trying now)$/).waitFor();
  expect([await page.title(), await iconOf(page)]).toEqual(['reconnecting – Pokewire', 'docs/icon-lost.svg']);
  await append(page);
  await page.getByText('The server does not answer.').waitFor();

  await using _second = await startTestApp(['--port', String(first.port)]);
  await retryNow(page);
  await page.getByText('open', { exact: true }).waitFor();
  await append(page);
  await pokes(page).waitFor();
  await page.getByRole('button', { name: 'Unsubscribe' }).click();
  await page.getByText('not subscribed', { exact: true }).waitFor();
  expect([await page.title(), await iconOf(page)]).toEqual(['Pokewire', 'common/icon.svg']);
});

test('A badge shows up to where pokes are complete, and explains what that means.', async () => {
  await using app = await startTestApp(['--heartbeat-ms', '150']);
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await app.append('account-1', Array(1_200).fill({ type: 'Made', data: {} }));
  await subscribe(page);
  const badge = page.getByRole('button', { name: /complete up to 1,200 · \d+ s ago$/ });
  await badge.click();
  await page.getByText('no poke up to there is missing').waitFor();
  expect(visitor.complaints).toEqual([]);
});

test('When the log was replaced, a line separates the logs, and messages of earlier pokes cannot be read.', async () => {
  const first = await startTestApp();
  await using visitor = await visit(browser, `${first.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await append(page);
  await pokes(page).waitFor();
  await first.close();
  await page.getByText('reconnecting', { exact: true }).waitFor();

  // If its cursor did not name the old log, it would hide the first message of the new one.
  await using second = await startTestApp(['--port', String(first.port)]);
  await second.append('account-9', Array(2).fill({ type: 'Happened', data: {} }));
  await retryNow(page);
  await pokes(page).nth(2).waitFor();
  const all = await page.locator('#pokes > li').allTextContents();
  // A browser may drop the last event of a stream that is cut off.
  const rows = all.filter((text) => text !== 'The server is stopping.').map((text) => text.replace(/ ?\d\d:.*/, ''));
  expect(rows).toEqual([
    '2account-91',
    '1account-90',
    'Not delivered from the earlier log: global positions 2 and later.',
    'New log since',
    '1account-1230',
    'Subscribed to category account at',
  ]);
  const disabled = await pokes(page).evaluateAll((all) => all.map((row) => row.getAttribute('aria-disabled')));
  expect(disabled).toEqual([null, null, 'true']);
  const reads: string[] = [];
  page.on('request', (request) => reads.push(new URL(request.url()).pathname));
  await pokes(page).nth(2).click({ force: true });
  await pokes(page).nth(0).click();
  await page.getByRole('heading', { name: 'account-9 at 1' }).waitFor();
  expect(reads).toEqual(['/streams/account-9/messages']);
});
