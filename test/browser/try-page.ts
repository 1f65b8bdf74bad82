import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

/** A page that notes everything a visitor would find in the console, and every request that leaves the server. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (to.protocol !== 'data:' && to.origin !== new URL(url).origin) complaints.push(`request to ${to.origin}`);
  });
  await page.goto(url);
  return { page, context, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Presses Subscribe and waits until the stream is open. */
export async function subscribe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
}

/** Presses Append, from where the pointer holds up no list. */
export function append(page: Page): Promise<void> {
  return page.getByRole('button', { name: 'Append' }).click();
}

/** The rows of pokes that the page shows, newest first. */
export function pokes(page: Page): Locator {
  return page.getByLabel('Pokes, newest first').getByRole('button');
}
