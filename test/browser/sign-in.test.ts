import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
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

/** Opens the address. Records console errors other than refusals, and every URL requested. */
async function visit(url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => {
    const isRefusal = message.text().startsWith('Failed to load resource: the server responded with a status of 40');
    if (message.type() === 'error' && !isRefusal) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  return { context, page, complaints, asked, [Symbol.asyncDispose]: () => context.close() };
}

test('A visitor signs in by keyboard and continues to the requested page, including query and hash.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const url = `${app.url}/consumer-groups?of=mine#billing`;
  await using visitor = await visit(url);
  const { page, context } = visitor;
  expect(await page.evaluate('document.activeElement.id')).toBe('token');
  await page.keyboard.type(admin);
  await page.keyboard.press('Enter');
  await page.getByText('There are no consumer groups.').waitFor();
  expect(page.url()).toBe(url);
  expect(await page.evaluate('history.length')).toBe(2);
  expect(await context.cookies()).toMatchObject([
    { name: 'pokewire', httpOnly: true, sameSite: 'Strict', expires: -1 },
  ]);
  expect(visitor.asked.filter((address) => address.includes(admin.slice(15)))).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});

test('Where a token is required, the commands to copy send the one in the variable TOKEN.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using visitor = await visit(`${app.url}/consumer-groups?token=${admin}`);
  const { page } = visitor;
  const credential = '-H "authorization: Bearer $TOKEN"';
  const query = 'category=account&group=billing&member=worker-1&size=8';
  await page.getByText(`curl -N '${app.url}/subscribe?${query}' ${credential}`).waitFor();
  await page.goto(`${app.url}/docs`);
  await page.getByText(`curl -N '${app.url}/subscribe?category=account' ${credential}`).waitFor();
  await page.goto(`${app.url}/reference`);
  await page.getByText(`curl -X DELETE '${app.url}/streams/account-123' ${credential}`).waitFor();
  expect(visitor.complaints).toEqual([]);
});

test('A wrong token is refused next to its field, which keeps the focus, and the right one continues.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using visitor = await visit(`${app.url}/docs`);
  const { page, context } = visitor;
  for (const [token, sentence] of [
    ['two words', 'A token has no spaces'],
    ['süß', 'A token has no spaces'],
    ['secret', 'The token is malformed'],
    [newToken('default'), 'The token is not valid'],
  ] as const) {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText(sentence).waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('token');
    expect(await page.getByLabel('Token').getAttribute('aria-invalid')).toBe('true');
  }
  expect(await context.cookies()).toEqual([]);
  await page.getByLabel('Token').fill(` ${admin} `);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Append' }).waitFor();
  expect(visitor.complaints).toEqual([]);
});

test('A wrong token is removed from the address, and does not return after signing in.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using visitor = await visit(`${app.url}/docs?token=${newToken('default')}&x=1`);
  const { page } = visitor;
  expect(page.url()).toBe(`${app.url}/docs?x=1`);
  await page.getByLabel('Token').fill(admin);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Append' }).waitFor();
  expect(page.url()).toBe(`${app.url}/docs?x=1`);
});

test('A visitor who follows a link from another site signs in, or continues with their session.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using elsewhere = await startTestApp();
  await using visitor = await visit(`${elsewhere.url.replace('127.0.0.1', 'localhost')}/health`);
  const { page } = visitor;
  const follow = () =>
    page.evaluate(`document.body.innerHTML = '<a href="${app.url}/consumer-groups#billing">there</a>';
      document.querySelector('a').click()`);
  const arrived = () => page.getByText('There are no consumer groups.').waitFor();
  await follow();
  await page.getByLabel('Token').fill(admin);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await arrived();

  await page.goto(`${elsewhere.url.replace('127.0.0.1', 'localhost')}/health`);
  await follow();
  await page.getByRole('button', { name: 'Continue with my session' }).click();
  await arrived();
  expect(page.url()).toBe(`${app.url}/consumer-groups#billing`);
});

test('A visitor can sign in over plain http from another machine.', async () => {
  await using app = await startTestApp(['--token', admin, '--allowed-hosts', afar]);
  await using visitor = await visit(`http://${afar}:${app.port}/diagnose`);
  const { page } = visitor;
  await page.getByLabel('Token').fill(admin);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Start' }).waitFor();
  expect(page.url()).toBe(`http://${afar}:${app.port}/diagnose`);
  expect(visitor.complaints).toEqual([]);
});

test('The page for an unknown address links to the other pages, and fits a phone.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/no/where`, { viewport: { width: 360, height: 740 } });
  const { page } = visitor;
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  await page.getByRole('link', { name: 'Diagnose' }).click();
  await page.getByRole('button', { name: 'Start' }).waitFor();
  expect(page.url()).toBe(`${app.url}/diagnose`);
  expect(visitor.complaints).toEqual([]);
});

test('After signing out, a visitor is asked for a token in every tab, and previous content is not shown again.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using visitor = await visit(`${app.url}/docs?token=${admin}`);
  const { page, context } = visitor;
  const tab = await context.newPage();
  await tab.goto(`${app.url}/browse#account-1`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
  await tab.getByLabel('Token').waitFor();
  expect(await context.cookies()).toEqual([]);
  expect([page.url(), tab.url()]).toEqual([`${app.url}/docs`, `${app.url}/browse#account-1`]);

  await tab.getByLabel('Token').fill(admin);
  await tab.getByRole('button', { name: 'Sign in' }).click();
  // The card has links too; following one would race with the end of signing in.
  await tab.getByRole('button', { name: 'Sign out' }).waitFor();
  await tab.getByRole('link', { name: 'Groups' }).click();
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await tab.getByLabel('Token').waitFor();
  await tab.goBack();
  await tab.getByLabel('Token').waitFor();
  expect(tab.url()).toBe(`${app.url}/browse#account-1`);
  expect(visitor.complaints).toEqual([]);
});

test('If signing out gets no answer, the button reports it, and works again later.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using visitor = await visit(`${app.url}/diagnose?token=${admin}`);
  const { page, context } = visitor;
  await page.route('**/session', (route) => route.abort());
  await page.getByRole('button', { name: 'Sign out' }).click();
  const button = page.getByRole('button', { name: 'No answer. Try again' });
  await button.waitFor();
  expect(await context.cookies()).toHaveLength(1);
  await page.unroute('**/session');
  await button.click();
  await page.getByLabel('Token').waitFor();
});

test('Without authentication there is no button to sign out.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/diagnose`);
  await visitor.page.getByRole('button', { name: 'Start' }).waitFor();
  expect(await visitor.page.getByRole('button', { name: 'Sign out' }).count()).toBe(0);
});
