import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;
// Over plain http, except to localhost, browsers do not report whether a link on another site led here.
const afar = 'pokewire.example';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser([`--host-resolver-rules=MAP ${afar} 127.0.0.1`]);
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

test('A page on another port of this host cannot append with the visitor’s session, nor without authentication.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using open = await startTestApp();
  await using elsewhere = await startTestApp();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${app.url}/docs?token=${admin}`);
  await page.goto(`${elsewhere.url}/health`);
  for (const url of [app.url, open.url]) {
    // A simple request, which needs no preflight.
    const send = `fetch(${JSON.stringify(`${url}/rpc`)}, {
      method: 'POST', mode: 'no-cors', credentials: 'include', body: '["stream.write","a-1",{"type":"T","data":{}}]',
    }).then(() => 'answered', () => 'kept from the page')`;
    expect(await page.evaluate(send)).toBe('kept from the page');
  }
  expect((await app.get(`/streams?token=${admin}`)).body.streams).toEqual([]);
  expect((await open.get('/streams')).body.streams).toEqual([]);
  await context.close();
});

test.each(['docs', 'diagnose'])(
  'A visitor who opens /%s?token= by plain http from another machine is asked, and the button begins the session.',
  async (path) => {
    await using app = await startTestApp(['--token', admin, '--allowed-hosts', afar]);
    await using context = await browser.newContext();
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    const url = `http://${afar}:${app.port}/${path}`;
    await page.goto(`${url}?token=${admin}`);
    expect(await context.cookies()).toEqual([]);
    await page.getByRole('button', { name: 'Start a session' }).click();
    await page.waitForURL(url);
    expect(await context.cookies()).toMatchObject([{ name: 'pokewire', httpOnly: true, sameSite: 'Strict' }]);
    expect(await page.evaluate("fetch('streams').then(({ status }) => status)")).toBe(200);
    expect(complaints).toEqual([]);
  },
);

test('The button that begins a session reports a refused token, and sets no cookie.', async () => {
  await using app = await startTestApp(['--token', admin, '--allowed-hosts', afar]);
  await using context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://${afar}:${app.port}/docs?token=${admin}`);
  // The token may change between loading the page and clicking the button.
  await page.route('**/session', (route) =>
    route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${admin.replace(/.$/, '1')}` } }),
  );
  await page.getByRole('button', { name: 'Start a session' }).click();
  await page.getByRole('button', { name: /^The server refused \(40[13]\)$/ }).waitFor();
  expect(await context.cookies()).toEqual([]);
});
