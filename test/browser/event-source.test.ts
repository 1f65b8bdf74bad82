import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { CuttableProxy } from './cuttable-proxy.ts';
import { PageSource } from './page-source.ts';

/** Makes a browser reconnect quickly. */
const quickRetry = ['--retry-min-ms', '50', '--retry-max-ms', '100'];

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** A page of this server, so that its requests have the same origin. */
async function openPage(url: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${url}/health`);
  return page;
}

async function append(app: TestApp, stream: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { status } = await app.append(stream, { type: 'Deposited', data: { i } });
    expect(status).toBe(201);
  }
}

/** 1, 2, 3, … */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

test('an EventSource receives a poke for each append, and its last event id is the global position', async () => {
  await using app = await startTestApp(quickRetry);
  await using page = await openPage(app.url);
  await append(app, 'account-1', 1);
  const source = await PageSource.open(page, `${app.url}/subscribe?category=account`);
  await append(app, 'order-1', 1);
  await append(app, 'account-1', 1);
  await append(app, 'account-zoë', 1);
  await source.untilPokes(3);
  expect(source.pokes.map(({ data }) => data)).toEqual([
    '{"stream":"account-1","position":0,"globalPosition":1}',
    '{"stream":"account-1","position":1,"globalPosition":3}',
    '{"stream":"account-zoë","position":0,"globalPosition":4}',
  ]);
  expect(source.ids).toEqual([1, 3, 4]);
});

test('after a restart on the same port the EventSource reconnects and receives the new log', async () => {
  const first = await startTestApp(quickRetry);
  await using page = await openPage(first.url);
  const source = await PageSource.open(page, `${first.url}/subscribe?category=account`);
  await append(first, 'account-1', 3);
  await source.untilPokes(3);
  await first.close();

  await using second = await startTestApp([...quickRetry, '--port', String(first.port)]);
  // Fewer than before, so that the browser's id lies beyond the end of the new log.
  await append(second, 'account-2', 2);
  await source.untilPokes(5);
  expect(source.opened).toBe(2);
  expect(source.ids).toEqual([1, 2, 3, 1, 2]);
  expect(source.pokes.at(-1)!.data).toBe('{"stream":"account-2","position":1,"globalPosition":2}');
});

test('messages appended before, during and after a broken connection are poked exactly once and in order', async () => {
  await using app = await startTestApp(quickRetry);
  await using proxy = await CuttableProxy.open(app.port);
  await using page = await openPage(proxy.url);
  const source = await PageSource.open(page, `${proxy.url}/subscribe?category=account`);
  await append(app, 'account-1', 5);
  await source.untilPokes(5);

  proxy.break();
  await append(app, 'account-2', 5);
  proxy.mend();
  await source.until(() => source.opened === 2);
  await append(app, 'account-3', 5);
  await source.untilPokes(15);
  expect(source.ids).toEqual(upTo(15));
});

test('a connection cut repeatedly during appends loses and repeats no message', async () => {
  await using app = await startTestApp(['--retry-min-ms', '1', '--retry-max-ms', '5']);
  await using proxy = await CuttableProxy.open(app.port);
  await using page = await openPage(proxy.url);
  const source = await PageSource.open(page, `${proxy.url}/subscribe?category=account&category=order`);
  const cuts = 5;
  for (let cut = 1; cut <= cuts; cut++) {
    const appending = append(app, `account-${cut}`, 40);
    await source.untilPokes((cut - 1) * 40 + 10);
    proxy.cut();
    await appending;
    await source.until(() => source.opened > cut);
  }
  await source.untilPokes(cuts * 40);
  expect(source.ids).toEqual(upTo(cuts * 40));
});

test('a hundred selectors on one connection deliver each message once', async () => {
  await using app = await startTestApp(quickRetry);
  await using page = await openPage(app.url);
  const query = new URLSearchParams();
  for (let i = 0; i < 50; i++) query.append('stream', `account-${i}`);
  // Half of the streams are also selected by their category.
  query.append('category', 'account');
  for (let i = 1; i < 50; i++) query.append('category', `kind${i}`);
  const source = await PageSource.open(page, `${app.url}/subscribe?${query}`);
  const expected: string[] = [];
  for (let i = 0; i < 60; i++) {
    await append(app, `account-${i}`, 1);
    await append(app, `kind${i}-1`, 1);
    await append(app, `other-${i}`, 1);
    expected.push(`account-${i}`);
    if (i > 0 && i < 50) expected.push(`kind${i}-1`);
  }
  await append(app, 'account-last', 1);
  expected.push('account-last');
  await source.until(() => source.pokes.at(-1)?.data.includes('account-last') === true);
  expect(source.pokes.map(({ data }) => (JSON.parse(data) as { stream: string }).stream)).toEqual(expected);
  expect(source.opened).toBe(1);
});
