import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { visit } from './visit.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const box = (page: Page) => page.getByRole('checkbox', { name: /^Shortcuts: / });
const focused = (page: Page) => page.evaluate('document.activeElement.id');

/** Presses a key where nothing has the focus, and returns the id of what then has it; empty: nothing. */
async function press(page: Page, key: string) {
  await page.evaluate('document.activeElement.blur()');
  await page.keyboard.press(key);
  return focused(page);
}

test('Single-key shortcuts can be switched off for all pages in the footer of one page, and stay off.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  const pause = page.locator('#pause');
  expect(await press(page, '/')).toBe('filter');
  expect(await pause.getAttribute('aria-keyshortcuts')).toBe('p');
  await box(page).focus();
  await page.keyboard.press('Space');
  expect(await box(page).isChecked()).toBe(false);
  expect(await press(page, '/')).toBe('');
  await page.keyboard.press('p');
  expect(await pause.textContent()).toBe('Pause');
  expect(await pause.getAttribute('aria-keyshortcuts')).toBeNull();

  for (const [path, field] of [
    ['browse', 'prefix'],
    ['reference', 'search'],
  ]) {
    await page.goto(`${app.url}/${path}`);
    await box(page).waitFor();
    expect(await box(page).isChecked()).toBe(false);
    expect(await press(page, '/')).toBe('');
    expect(await page.locator(`#${field}`).getAttribute('aria-keyshortcuts')).toBeNull();
  }

  await box(page).check();
  expect(await focused(page)).toBe('shortcuts');
  await page.keyboard.press('/');
  expect(await focused(page)).toBe('search');
  expect(visitor.complaints).toEqual([]);
});

test('Shortcuts that are switched off in one tab are off in the others.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page, context } = visitor;
  const tab = await context.newPage();
  await tab.goto(`${app.url}/docs`);
  await box(tab).uncheck();
  await page.waitForFunction("!document.getElementById('shortcuts').checked");
  expect(await press(page, '/')).toBe('');
});
