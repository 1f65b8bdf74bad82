import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';

let browser: Promise<Browser> | undefined;

/** A page of this origin in a context of its own; the browser starts with the first one. */
export async function openPage(origin: string): Promise<Page> {
  browser ??= launchBrowser();
  const page = await (await (await browser).newContext()).newPage();
  await page.goto(`${origin}/health`);
  return page;
}

/** Ends the browser, if there is one. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}
