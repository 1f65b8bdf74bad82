import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';

let browser: Promise<Browser> | undefined;

/** A page of this origin in its own context; the first call starts the browser. */
export async function openPage(origin: string): Promise<Page> {
  browser ??= launchBrowser();
  const page = await (await (await browser).newContext()).newPage();
  await page.goto(`${origin}/health`);
  return page;
}

/** Closes the browser, if it was started. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}
