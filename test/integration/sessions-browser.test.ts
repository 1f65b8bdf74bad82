import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

test('With tokens a visitor opens /docs?token=, and the page subscribes and appends by its session.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const context = await browser.newContext();
  const page = await context.newPage();
  const referrers: (string | undefined)[] = [];
  page.on('request', (request) => referrers.push(request.headers().referer));
  await page.goto(`${app.url}/docs?token=${admin}`);
  expect(page.url()).toBe(`${app.url}/docs`);
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Append' }).click();
  await page.getByLabel('Pokes, newest first').getByRole('button').first().waitFor();
  expect(await page.evaluate('document.cookie')).toBe('');
  expect(referrers.filter((referrer) => referrer?.includes('token'))).toEqual([]);
  expect(await context.cookies()).toMatchObject([
    { name: 'pokewire', httpOnly: true, sameSite: 'Strict', expires: -1 },
  ]);
  await context.close();
});

test('A page of another port of this host cannot append by the visitor’s session, nor without authentication.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using open = await startTestApp();
  await using elsewhere = await startTestApp();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${app.url}/docs?token=${admin}`);
  await page.goto(`${elsewhere.url}/health`);
  for (const url of [app.url, open.url]) {
    // A simple request, for which the browser does not ask first.
    const send = `fetch(${JSON.stringify(`${url}/rpc`)}, {
      method: 'POST', mode: 'no-cors', credentials: 'include', body: '["stream.write","a-1",{"type":"T","data":{}}]',
    }).then(() => 'answered', () => 'kept from the page')`;
    expect(await page.evaluate(send)).toBe('kept from the page');
  }
  expect((await app.get(`/streams?token=${admin}`)).body.streams).toEqual([]);
  expect((await open.get('/streams')).body.streams).toEqual([]);
  await context.close();
});
