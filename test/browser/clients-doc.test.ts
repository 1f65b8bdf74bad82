import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type OutputChunk, rolldown } from 'rolldown';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { blockWith } from './clients-doc.ts';

const patience = { timeout: 60_000, interval: 20 };
const root = new URL('../../', import.meta.url).pathname;

/** Sources of the package's exported subpaths, since a work tree has no build. */
function sources(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const subpaths = Object.entries(exports).filter(([, target]) => typeof target === 'object');
  const sourceOf = ({ default: built }: { default: string }) =>
    join(root, built.replace('dist', 'src').replace(/js$/, 'ts'));
  return Object.fromEntries(subpaths.map(([path, target]) => [`pokewire${path.slice(1)}`, sourceOf(target)]));
}

/** Exact names, because `pokewire/client` is also a prefix of others. */
const alias = Object.entries(sources()).map(([name, replacement]) => ({ find: new RegExp(`^${name}$`), replacement }));

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

describe('the page of docs/clients.md', () => {
  const html = blockWith('html', 'pokewire.live');

  /** Serves the page like `npx vite`, at an address that the server allows. */
  async function servePage(folder: TemporaryFolder, serverUrl: string) {
    const page = html.replace('http://localhost:8080', serverUrl);
    expect(page).not.toBe(html);
    writeFileSync(folder.file('index.html'), page);
    const server = await createServer({
      configFile: false,
      root: folder.path,
      cacheDir: folder.file('cache'),
      logLevel: 'silent',
      resolve: { alias },
      server: { port: 0, fs: { allow: [folder.path, root] } },
    });
    await server.listen();
    const origin = server.resolvedUrls!.local[0]!.replace(/\/$/, '');
    return { origin, [Symbol.asyncDispose]: () => server.close() };
  }

  const itemsOf = async (page: Page) => (await page.locator('#list').innerText()).split('\n').filter(Boolean);

  async function add(page: Page, text: string): Promise<void> {
    await page.locator('#text').fill(text);
    await page.getByRole('button', { name: 'Add' }).click();
  }

  test('takes at most 20 lines', () => {
    expect(html.trim().split('\n').length).toBeLessThanOrEqual(20);
  });

  test('shows additions of any window in every window, even those made while the server was unavailable', async () => {
    using folder = new TemporaryFolder();
    const port = await freePort();
    await using pages = await servePage(folder, `http://127.0.0.1:${port}`);
    const flags = [`--store=sqlite:${folder.file('list.db')}`, `--port=${port}`, `--cors-origins=${pages.origin}`];
    const first = await startTestApp(flags);
    await using context = await browser.newContext();
    const windows = [await context.newPage(), await context.newPage()] as const;
    const complaints: string[] = [];
    for (const page of windows) {
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(pages.origin);
      await page.locator('#state', { hasText: 'live' }).waitFor();
    }
    await add(windows[0], 'milk');
    for (const page of windows) await expect.poll(() => itemsOf(page), patience).toEqual(['milk']);

    await first.close();
    for (const page of windows) await page.locator('#state', { hasText: 'away' }).waitFor();
    await add(windows[1], 'bread');
    await using _second = await startTestApp(flags);
    for (const page of windows) await expect.poll(() => itemsOf(page), patience).toEqual(['milk', 'bread']);
    expect(complaints).toEqual([]);
  });
});

describe('a recipe of docs/clients.md', () => {
  /** Opens a page of the server with this module script, in JSX. */
  async function openPage(url: string, script: string): Promise<Page> {
    using folder = new TemporaryFolder();
    writeFileSync(folder.file('page.jsx'), script);
    const build = await rolldown({
      input: folder.file('page.jsx'),
      logLevel: 'silent',
      resolve: { alias: sources(), modules: [join(root, 'node_modules')] },
      transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    });
    const { output } = await build.generate({ format: 'iife', codeSplitting: false });
    const page = await browser.newPage();
    await page.goto(`${url}/health`);
    await page.addScriptTag({ content: (output[0] as OutputChunk).code });
    return page;
  }

  /** Stands for the application's own code. */
  const application = `
    import { StrictMode, useEffect } from 'react';
    import { createRoot } from 'react-dom/client';
    import { connect } from 'pokewire/client';
    const pokewire = connect(location.origin);
    async function fetchAccount(id) {
      let balance = 0;
      for await (const { data } of pokewire.read({ stream: 'account-' + id })) balance += data.amount;
      return { balance };
    }
    const mount = (element) =>
      createRoot(document.body.appendChild(document.createElement('main'))).render(<StrictMode>{element}</StrictMode>);
  `;

  const deposit = (amount: number) => ({ type: 'Deposited', data: { amount } });

  test('for React shows the value and every update', async () => {
    await using app = await startTestApp();
    await app.append('account-7', deposit(1));
    const component = blockWith('jsx', 'useLive');
    const notify = 'const notify = ({ stream }) => document.title = stream;';
    const page = await openPage(app.url, `${component}\n${application}\n${notify}\nmount(<Account id={7} />);`);
    const shown = () => page.locator('main').innerText();
    await expect.poll(shown, patience).toBe('1');
    await app.append('account-7', deposit(2));
    await expect.poll(shown, patience).toBe('3');
    await app.append('order-1', deposit(0));
    await expect.poll(() => page.title(), patience).toBe('order-1');
    await page.close();
  });

  test('for TanStack Query invalidates its query after pokes, and misses nothing before the subscription begins', async () => {
    await using app = await startTestApp();
    await app.append('account-7', deposit(1));
    const script = `
      import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
      import { usePokes } from 'pokewire/client/react';
      ${application}
      const queryClient = new QueryClient();
      function Account({ id }) {
        ${blockWith('jsx', 'useQuery')}
        return <p title={state.name}>{data?.balance}</p>;
      }
      mount(<QueryClientProvider client={queryClient}><Account id={7} /></QueryClientProvider>);
    `;
    const page = await openPage(app.url, script);
    const shown = () => page.locator('main').innerText();
    await expect.poll(shown, patience).toBe('1');
    await page.locator('p[title=live]').waitFor();
    await app.append('account-7', deposit(2));
    await expect.poll(shown, patience).toBe('3');
    await page.close();
  });
});
