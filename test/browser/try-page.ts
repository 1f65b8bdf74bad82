import type { Locator, Page } from 'playwright-core';

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
