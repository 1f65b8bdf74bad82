import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { eventually, visit } from './visit.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const rows = (page: Page) => page.getByLabel('Messages, newest first').locator('.row');
const positions = (page: Page) => page.locator('.row .at').allTextContents();
const streams = (page: Page) => page.locator('#streams code').allTextContents();
const one = { type: 'Happened', data: {} };

async function append(app: TestApp, stream: string, count: number): Promise<void> {
  const { status } = await app.append(stream, Array(count).fill(one));
  expect(status).toBe(201);
}

/** Moves the pointer to where it does not hold the list. */
async function followLive(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Follow live' }).click();
  await page.locator('#live-state').getByText('live').waitFor();
}

test('A visitor finds a stream by the start of its name or by its category, and reads its messages.', async () => {
  await using app = await startTestApp();
  for (const stream of ['account', 'account-1', 'account-2', 'accounts-1', 'order-1']) await append(app, stream, 2);
  await using visitor = await visit(browser, `${app.url}/browse`);
  const { page } = visitor;
  await eventually(() => streams(page)).toEqual(['account', 'account-1', 'account-2', 'accounts-1', 'order-1']);
  await page.keyboard.press('/');
  await page.keyboard.type('account-');
  await eventually(() => streams(page)).toEqual(['account-1', 'account-2']);
  await page.getByRole('button', { name: 'account 3 streams, 6 messages' }).click();
  await eventually(() => streams(page)).toEqual(['account', 'account-1', 'account-2']);

  await page.getByRole('link', { name: 'account-2' }).click();
  await page.getByRole('heading', { name: 'account-2' }).waitFor();
  await eventually(() => positions(page)).toEqual(['1', '0']);
  expect(new URL(page.url()).hash).toBe('#account-2');
  expect(await page.locator('#streams [aria-current]').textContent()).toContain('account-2');
  expect(visitor.complaints).toEqual([]);
});

test('A payload is shown verbatim: numbers, order and repetition of members, and text that looks like markup.', async () => {
  await using app = await startTestApp();
  const stream = `<img src=x onerror=alert(1)>'/"é?#%-1`;
  const data = '{"b":12345678901234567890.10,"1":-0,"b":"<b>&amp;</b>","empty":{},"list":[1.0,{"a":null}]}';
  await app.append(stream, `{"type":"<i>","data":${data}}`);
  await using visitor = await visit(browser, `${app.url}/browse`);
  const { page } = visitor;
  await page.getByRole('link', { name: stream }).click();
  await rows(page).click();
  const indented = [
    '{',
    '  "b": 12345678901234567890.10,',
    '  "1": -0,',
    '  "b": "<b>&amp;</b>",',
    '  "empty": {},',
    '  "list": [',
    '    1.0,',
    '    {',
    '      "a": null',
    '    }',
    '  ]',
    '}',
  ];
  await eventually(() => page.getByRole('region', { name: 'data' }).textContent()).toBe(indented.join('\n'));
  await page.getByRole('button', { name: 'As written' }).click();
  const written = await page.getByRole('region', { name: 'message', exact: true }).textContent();
  expect(`[${written}]`).toBe((await app.get(`/streams/${encodeURIComponent(stream)}/messages`)).text);

  // An apostrophe would end the quotes, and the shell would run what follows.
  const command = (await page.locator('.detail .curl code').textContent())!;
  expect(command).toMatch(/^curl '[^']*'$/);
  expect(`[${written}]`).toBe(await (await fetch(command.slice("curl '".length, -1))).text());
  expect(visitor.complaints).toEqual([]);
});

test('A stream that fits on one page has no buttons for others.', async () => {
  await using app = await startTestApp();
  await append(app, 'account-1', 50);
  await using visitor = await visit(browser, `${app.url}/browse#account-1`);
  const { page } = visitor;
  await expect.poll(() => rows(page).count()).toBe(50);
  const older = page.getByRole('button', { name: 'Older' });
  expect(await older.isVisible()).toBe(false);
  await append(app, 'account-2', 51);
  await page.goto(`${app.url}/browse#account-2`);
  await older.waitFor();
});

test('A link to a position opens that message, and pages lead to older and newer ones, across gaps of any length.', async () => {
  await using app = await startTestApp();
  const record = (pos: number, gpos: number) =>
    JSON.stringify({
      id: `id-${pos}`,
      stream: 'account-1',
      type: 'Happened',
      pos,
      gpos,
      data: {},
      meta: null,
      time: '2026-01-01T00:00:00Z',
    });
  const imported = [record(3, 1), record(8, 2), record(4_000_000_000_000_000, 3)].join('\n');
  await fetch(`${app.url}/import`, { method: 'POST', body: imported });
  await append(app, 'account-1', 120);
  await using visitor = await visit(browser, `${app.url}/browse#account-1/4000000000000041`);
  const { page } = visitor;
  await page.getByRole('region', { name: 'data' }).waitFor();
  expect(await page.locator('.row[aria-expanded=true] .at').textContent()).toBe('4,000,000,000,000,041');
  expect(await rows(page).first().locator('.at').textContent()).toBe('4,000,000,000,000,046');

  await page.getByRole('button', { name: 'Newer' }).click();
  await eventually(() => rows(page).first().locator('.at').textContent()).toBe('4,000,000,000,000,096');
  await page.getByRole('button', { name: 'Newest' }).click();
  await eventually(() => rows(page).first().locator('.at').textContent()).toBe('4,000,000,000,000,120');
  expect(await page.evaluate('document.activeElement.className')).toBe('row');
  for (const last of ['4,000,000,000,000,021', '4,000,000,000,000,000']) {
    await page.getByRole('button', { name: 'Older' }).click();
    await eventually(() => rows(page).last().locator('.at').textContent()).toBe(last);
  }
  await page.getByRole('button', { name: 'Older' }).click();
  // Finding the end of the gap takes some fifty reads.
  await eventually(() => positions(page)).toEqual(['8', '3']);
  await page.getByRole('button', { name: 'Older' }).click();
  await page.getByText('There are no older messages.').waitFor();
  expect(await positions(page)).toEqual(['8', '3']);

  await page.goto(`${app.url}/browse#account-1/5`);
  await page.getByText('The stream has no message at position 5.').waitFor();
  expect(visitor.complaints).toEqual([]);
});

test('A stream is followed live: new messages wait while the list is paused, pointed at, or one is open.', async () => {
  await using app = await startTestApp();
  await append(app, 'account-1', 2);
  await using visitor = await visit(browser, `${app.url}/browse#account-1`);
  const { page } = visitor;
  await rows(page).first().waitFor();
  await followLive(page);
  await append(app, 'account-1', 2);
  await eventually(() => positions(page)).toEqual(['3', '2', '1', '0']);
  await page.getByText('version 3 · 4 messages').waitFor();

  await page.getByRole('button', { name: 'Pause' }).click();
  await append(app, 'account-1', 3);
  await page.getByRole('button', { name: '3 new ↑' }).waitFor();
  expect(await positions(page)).toHaveLength(4);
  await page.getByRole('button', { name: 'Resume' }).click();
  await eventually(() => positions(page)).toHaveLength(7);

  await rows(page).nth(2).hover();
  await append(app, 'account-1', 1);
  await page.getByRole('button', { name: '1 new ↑' }).waitFor();
  expect(await positions(page)).toHaveLength(7);
  await page.getByRole('heading', { name: 'account-1' }).hover();
  await eventually(() => positions(page)).toHaveLength(8);

  await rows(page).first().click();
  await page.getByRole('region', { name: 'data' }).waitFor();
  await page.getByRole('heading', { name: 'account-1' }).hover();
  await append(app, 'account-1', 500);
  await page.getByRole('button', { name: '500 new ↑' }).click();
  // The number of rows is limited, and they are the newest.
  await eventually(() => positions(page)).toHaveLength(200);
  expect([(await positions(page)).at(0), (await positions(page)).at(-1)]).toEqual(['507', '308']);
  expect(visitor.complaints).toEqual([]);
});

test('When the followed log is replaced, the page says so and shows the new one.', async () => {
  const flags = ['--retry-min-ms', '1', '--retry-max-ms', '1'];
  const first = await startTestApp(flags);
  await append(first, 'account-1', 5);
  await using visitor = await visit(browser, `${first.url}/browse#account-1`);
  const { page } = visitor;
  await rows(page).first().waitFor();
  await followLive(page);
  await first.close();
  await page.getByText('reconnecting').waitFor();
  await using second = await startTestApp([...flags, '--port', String(first.port)]);
  await page.getByText('The log was replaced by another one.').waitFor();
  await page.locator('#live-state').getByText('live').waitFor();
  await append(second, 'account-1', 1);
  await eventually(() => positions(page)).toEqual(['0']);
  expect(await page.getByText('The log was replaced by another one.').isVisible()).toBe(true);
});

test('With tokens a session reads and follows, and the page says when its token is revoked.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
  await fetch(`${app.url}/streams/account-1/messages`, { method: 'POST', headers, body: JSON.stringify(one) });
  const { token, id } = await app.namespaces.createToken('default', {
    label: '',
    scope: 'read',
    expiresAtMs: undefined,
  });
  await using visitor = await visit(browser, `${app.url}/browse?token=${token}#account-1`);
  const { page } = visitor;
  expect(page.url()).toBe(`${app.url}/browse#account-1`);
  await rows(page).first().waitFor();
  await followLive(page);
  expect(visitor.complaints).toEqual([]);
  await app.namespaces.revokeToken('default', id);
  await page.getByText('The token was revoked or has expired.').waitFor();
  await page.getByRole('button', { name: 'Follow live' }).click();
  await page.getByText('403 AUTH_UNAUTHORIZED').first().waitFor();
});

test('The keyboard alone finds a stream, goes through its messages, opens one and closes it.', async () => {
  await using app = await startTestApp();
  await append(app, 'account-1', 3);
  await append(app, 'account-2', 1);
  await using visitor = await visit(browser, `${app.url}/browse`);
  const { page } = visitor;
  await page.locator('#streams a').nth(1).waitFor();
  await page.keyboard.press('/');
  // A list is a single tab stop.
  for (const key of ['Tab', 'Tab', 'ArrowDown', 'ArrowUp', 'Enter']) await page.keyboard.press(key);
  await rows(page).first().waitFor();
  await rows(page).first().focus();
  for (const key of ['End', 'ArrowUp', 'Enter']) await page.keyboard.press(key);
  await page.getByRole('region', { name: 'data' }).waitFor();
  expect(new URL(page.url()).hash).toBe('#account-1/1');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await page.getByRole('region', { name: 'data' }).waitFor({ state: 'detached' });
  expect(await page.evaluate("document.activeElement.querySelector('.at').textContent")).toBe('1');
  await page.keyboard.press('f');
  await page.locator('#live-state').getByText('live').waitFor();
});

test('A phone shows the list of streams or one stream, without overflow.', async () => {
  await using app = await startTestApp();
  const stream = `account-${'long'.repeat(40)}`;
  await app.append(stream, { type: 'Deposited', data: { text: 'x'.repeat(500) } });
  const viewport = { width: 390, height: 844 };
  await using visitor = await visit(browser, `${app.url}/browse`, { viewport });
  const { page } = visitor;
  const width = () => page.evaluate('document.documentElement.scrollWidth');
  await page.getByRole('link', { name: stream }).waitFor();
  expect(await width()).toBe(390);
  await page.getByRole('link', { name: stream }).click();
  await rows(page).click();
  await page.getByRole('region', { name: 'data' }).waitFor();
  expect([await width(), await page.locator('#streams').isVisible()]).toEqual([390, false]);
  await page.getByRole('link', { name: '← All streams' }).click();
  await page.getByRole('link', { name: stream }).waitFor();
  expect(await page.locator('#messages').isVisible()).toBe(false);
});
