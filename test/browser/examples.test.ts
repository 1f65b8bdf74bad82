import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { createServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** Serves the example like `npx vite`, and starts a server that allows its origin. */
async function serve(example: string) {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(new TemporaryFolder());
  const pages = opened.adopt(
    await createServer({
      configFile: false,
      root: fileURLToPath(new URL(`../../examples/${example}`, import.meta.url)),
      cacheDir: folder.path,
      logLevel: 'silent',
      server: { port: 0 },
    }),
    (server) => server.close(),
  );
  await pages.listen();
  const origin = pages.resolvedUrls!.local[0]!.replace(/\/$/, '');
  const app = opened.use(await startTestApp(['--cors-origins', origin]));
  const closing = opened.move();
  return {
    app,
    open: async (): Promise<Page> => {
      const page = await browser.newPage();
      await page.goto(`${origin}?server=${app.url}`);
      return page;
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

const depositAt = (page: Page) => page.getByRole('button', { name: 'Deposit' }).click();

test('The page without a library shows messages appended in any window in every window.', async () => {
  await using example = await serve('browser');
  const [first, second] = [await example.open(), await example.open()];
  await first.getByText('live').waitFor();
  await depositAt(first);
  const message = (page: Page) => page.getByText('Deposited 100 to account-1');
  for (const page of [first, second]) await message(page).waitFor();

  const url = `${example.app.url}/import?force=true&allowIncomplete=true`;
  expect((await fetch(url, { method: 'POST' })).status).toBe(200);
  // Messages of the replaced log are removed.
  for (const page of [first, second]) await message(page).waitFor({ state: 'detached' });
});

test('The live query in React shows a new result in every window.', async () => {
  await using example = await serve('react');
  const [first, second] = [await example.open(), await example.open()];
  for (const page of [first, second]) await page.getByText('Balances, live').waitFor();
  await depositAt(first);
  for (const page of [first, second]) await page.getByRole('row', { name: 'account-1 100' }).waitFor();
  await depositAt(second);
  for (const page of [first, second]) await page.getByRole('row', { name: 'account-1 200' }).waitFor();
});
