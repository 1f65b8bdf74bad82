import type { Locator, Page } from 'playwright-core';

/** Presses Subscribe and waits until the stream is open. */
export async function subscribe(page: Page): Promise<void> {
  // Before the script runs, a click would submit the form, which the policy blocks.
  await page.locator('#top-state').getByRole('status').waitFor();
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
}

/** Presses Append with the pointer where it does not hold a list. */
export function append(page: Page): Promise<void> {
  return page.getByRole('button', { name: 'Append' }).click();
}

/** The rows of pokes on the page, newest first. */
export function pokes(page: Page): Locator {
  return page.getByLabel('Pokes, newest first').getByRole('button');
}
