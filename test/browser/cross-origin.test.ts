import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { PageSource } from './page-source.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** A foreign site: another origin because of its port. Close it by `await using`. */
async function openSite() {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Elsewhere</title>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const page = await browser.newPage();
  await page.goto(origin);
  return {
    origin,
    page,
    /** Result of a `fetch` in the page: status and text, or `refused` if the browser withholds the answer. */
    fetch: (url: string, body?: unknown): Promise<{ status: number; text: string } | 'refused'> =>
      page.evaluate(
        async ([to, json]) => {
          const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: json! };
          try {
            const response = await fetch(to!, json === null ? {} : post);
            return { status: response.status, text: await response.text() };
          } catch {
            return 'refused';
          }
        },
        [url, body === undefined ? null : JSON.stringify(body)],
      ),
    async [Symbol.asyncDispose]() {
      await page.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const deposited = { type: 'Deposited', data: { amount: 100 } };

test('a page of another origin subscribes and is poked', async () => {
  await using app = await startTestApp();
  await using site = await openSite();
  const source = await PageSource.open(site.page, `${app.url}/subscribe?stream=account-1`);
  await app.append('account-1', deposited);
  await source.untilPokes(1);
  expect(source.ids).toEqual([1]);
});

test('the browser denies the API to a page of another origin, and nothing is stored', async () => {
  await using app = await startTestApp();
  await using site = await openSite();
  expect(await site.fetch(`${app.url}/streams`)).toBe('refused');
  expect(await site.fetch(`${app.url}/streams/account-1/messages`, deposited)).toBe('refused');
  expect((await app.get('/streams')).body.streams).toEqual([]);
});

test('a page of an allowed origin reads and appends after a preflight', async () => {
  await using site = await openSite();
  await using app = await startTestApp(['--cors-origins', `https://example.org,${site.origin}`]);
  const appended = await site.fetch(`${app.url}/streams/account-1/messages`, deposited);
  expect(appended).toEqual({
    status: 201,
    text: '{"stream":"account-1","position":0,"globalPosition":1,"count":1}',
  });
  expect(await site.fetch(`${app.url}/streams/account-1`)).toMatchObject({ status: 200 });
});

test('a page of an allowed origin can read why it was refused', async () => {
  await using site = await openSite();
  await using app = await startTestApp(['--cors-origins', site.origin]);
  const refused = await site.fetch(`${app.url}/streams/account-1/messages?expectedVersion=7`, deposited);
  expect(refused).toMatchObject({ status: 409, text: expect.stringContaining('STREAM_VERSION_CONFLICT') });
});

test('a page whose origin may not subscribe receives no pokes', async () => {
  await using app = await startTestApp(['--subscribe-origins', 'https://example.org']);
  await using site = await openSite();
  expect(await site.fetch(`${app.url}/subscribe?stream=account-1`)).toBe('refused');
});
