import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { Exposition } from '../support/exposition.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { bundleOf } from './client-bundle.ts';

const quickRetry = ['--retry-min-ms', '50', '--retry-max-ms', '100'];
const patience = { timeout: 60_000, interval: 20 };

let browser: Browser;
let script: string;
let reactScript: string;
beforeAll(async () => {
  [browser, script, reactScript] = await Promise.all([
    launchBrowser(),
    bundleOf('./tabs-page.ts'),
    bundleOf('./react-page.ts'),
  ]);
});
afterAll(() => browser.close());

/** A tab at the server's origin with this script, which counts its connections. */
async function openTab(context: BrowserContext, url: string, content: string) {
  const page = await context.newPage();
  const tab = { page, connections: 0 };
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/subscribe') tab.connections++;
  });
  await page.goto(`${url}/health`);
  await page.addScriptTag({ content });
  return tab;
}

const append = (app: TestApp, stream: string) => app.append(stream, { type: 'Deposited', data: {} });

/** Resolves once the server counts this many: the end of a connection that found the head reaches it later than the page. */
async function expectSubscriptions(app: TestApp, count: number): Promise<void> {
  const read = async () => new Exposition((await app.get('/metrics')).text).value('pokewire_subscriptions');
  await expect.poll(read, patience).toBe(count);
}

describe('tabs of one origin', () => {
  /** Subscribes in the page, and records the events there. */
  const subscribeIn = (page: Page, selection: object) =>
    page.evaluate(
      `window.pokes = []; window.states = [];
       window.pokewire ??= connect(location.origin, { share: acrossTabs('test'), retry: { minMs: 10 } });
       window.subscription = pokewire.subscribe(${JSON.stringify({ position: 'head', ...selection })}, {
         onPoke: (poke) => pokes.push(poke.stream + ' ' + poke.position),
         onState: (state) => states.push(state.name),
         onReset: (reset) => pokes.push(reset.reason),
       }); undefined`,
    );
  const pokesOf = (page: Page) => page.evaluate('pokes') as Promise<string[]>;
  const begun = (page: Page) => page.waitForFunction(`['catching-up', 'live'].includes(subscription.state.name)`);

  test('share one connection, even 20 of them, and another tab leads without missing anything when the leader closes', async () => {
    await using app = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    const tabs = [];
    for (let n = 0; n < 20; n++) {
      const tab = await openTab(context, app.url, script);
      await subscribeIn(tab.page, { category: 'account' });
      tabs.push(tab);
    }
    await Promise.all(tabs.map(({ page }) => begun(page)));
    await expectSubscriptions(app, 1);
    const leader = tabs.findIndex(({ connections }) => connections > 0);
    await append(app, 'account-1');
    for (const { page } of tabs) await expect.poll(() => pokesOf(page), patience).toEqual(['account-1 0']);

    const [gone] = tabs.splice(leader, 1);
    const closing = gone!.page.close();
    await append(app, 'account-1');
    await closing;
    await append(app, 'account-2');
    const expected = ['account-1 0', 'account-1 1', 'account-2 0'];
    for (const { page } of tabs) await expect.poll(() => pokesOf(page), patience).toEqual(expected);
    await expectSubscriptions(app, 1);
  });

  test('take over from a leader that hangs, which receives everything once it continues', async () => {
    await using app = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    const tabs = [];
    for (let n = 0; n < 3; n++) {
      const tab = await openTab(context, app.url, script);
      await subscribeIn(tab.page, { category: 'account' });
      await begun(tab.page);
      tabs.push(tab);
    }
    const [leader, ...others] = tabs as [(typeof tabs)[0], ...typeof tabs];
    expect(leader.connections).toBeGreaterThan(0);
    const hangs = leader.page.evaluate('window.until = Date.now() + 8000; while (Date.now() < window.until);');
    await append(app, 'account-1');
    for (const { page } of others) await expect.poll(() => pokesOf(page), patience).toEqual(['account-1 0']);
    await hangs;
    await append(app, 'account-1');
    for (const { page } of tabs)
      await expect.poll(() => pokesOf(page), patience).toEqual(['account-1 0', 'account-1 1']);
    await expectSubscriptions(app, 1);
  });

  test('receive what each of them selects', async () => {
    await using app = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    const pages: Page[] = [];
    for (let n = 0; n < 4; n++) {
      const { page } = await openTab(context, app.url, script);
      await subscribeIn(page, n % 2 === 0 ? { stream: `account-${n}` } : { category: `kind${n}` });
      await begun(page);
      pages.push(page);
    }
    for (const stream of ['account-0', 'account-1', 'account-2', 'kind1-a', 'kind3-b']) await append(app, stream);
    const expected = [['account-0 0'], ['kind1-a 0'], ['account-2 0'], ['kind3-b 0']];
    for (const [n, page] of pages.entries()) await expect.poll(() => pokesOf(page), patience).toEqual(expected[n]);
    await expectSubscriptions(app, 1);
  });

  test('learn that the log was replaced, and continue with the new one', async () => {
    const first = await startTestApp(quickRetry);
    await append(first, 'account-1');
    await using context = await browser.newContext();
    const pages: Page[] = [];
    for (let n = 0; n < 3; n++) {
      const { page } = await openTab(context, first.url, script);
      await subscribeIn(page, { category: 'account' });
      await begun(page);
      pages.push(page);
    }
    await first.close();
    await using second = await startTestApp([...quickRetry, '--port', String(first.port)]);
    await append(second, 'account-2');
    for (const page of pages) await expect.poll(() => pokesOf(page), patience).toEqual(['other-epoch', 'account-2 0']);
  });

  test('close their connection with the last subscription', async () => {
    await using app = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    const { page } = await openTab(context, app.url, script);
    await subscribeIn(page, { category: 'account' });
    await begun(page);
    await page.evaluate('subscription.close()');
    await expectSubscriptions(app, 0);
    await subscribeIn(page, { category: 'account' });
    await begun(page);
    await expectSubscriptions(app, 1);
  });

  test('use one connection each without Web Locks', async () => {
    await using app = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    for (let n = 0; n < 2; n++) {
      const { page } = await openTab(context, app.url, script);
      await page.evaluate(`Object.defineProperty(navigator, 'locks', { value: undefined })`);
      await subscribeIn(page, { category: 'account' });
      await begun(page);
    }
    await expectSubscriptions(app, 2);
  });
});

describe('in a page', () => {
  test.each(['localStorageCheckpoint', 'indexedDbCheckpoint'])(
    '%s keeps a checkpoint across a reload',
    async (kind) => {
      await using app = await startTestApp();
      await using context = await browser.newContext();
      const { page } = await openTab(context, app.url, script);
      expect(await page.evaluate(`${kind}('a').load()`)).toBeUndefined();
      await page.evaluate(`${kind}('a').save({ position: 7, epoch: 'e' })`);
      await page.reload();
      await page.addScriptTag({ content: script });
      expect(await page.evaluate(`${kind}('a').load()`)).toEqual({ position: 7, epoch: 'e' });
    },
  );
});

describe('React', () => {
  test('useLive keeps a list up to date by one subscription in strict mode, also across a restart', async () => {
    const first = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    const tab = await openTab(context, first.url, reactScript);
    await append(first, 'account-1');
    await tab.page.evaluate(`mount('List'); undefined`);
    const list = () => tab.page.locator('#list li').allTextContents();
    await expect.poll(list, patience).toEqual(['account-1']);
    await tab.page.waitForSelector('#list[title="live"]', { state: 'attached' });
    // One request finds the head, the other is the subscription.
    expect(tab.connections).toBe(2);
    await expectSubscriptions(first, 1);
    await append(first, 'account-2');
    await expect.poll(list, patience).toEqual(['account-1', 'account-2']);

    await first.close();
    await using second = await startTestApp([...quickRetry, '--port', String(first.port)]);
    await append(second, 'account-3');
    await expect.poll(list, patience).toEqual(['account-3']);
  });

  test('usePokes calls back for each poke, and ends with its component', async () => {
    await using app = await startTestApp(quickRetry);
    await using context = await browser.newContext();
    const { page } = await openTab(context, app.url, reactScript);
    await page.evaluate(`window.unmount = mount('Counter'); undefined`);
    await page.waitForSelector('#pokes[title="live"]', { state: 'attached' });
    await append(app, 'order-1');
    await append(app, 'order-2');
    await expect.poll(() => page.evaluate('told'), patience).toEqual(['order-1', 'order-2']);
    await page.evaluate('unmount()');
    await expectSubscriptions(app, 0);
  });
});
