import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

async function visit(url: string) {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(`${url}/consumer-groups`);
  return { page, complaints, [Symbol.asyncDispose]: () => page.close() };
}

test('The groups page says that there are no groups.', async () => {
  await using app = await startTestApp();
  await using visited = await visit(app.url);
  await visited.page.getByText('There are no consumer groups.').waitFor();
  expect(visited.complaints).toEqual([]);
});

test('The groups page shows members, partitions and held streams, and retries one.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url);
  await pokewire.append('order-<b>1', { type: 'Placed', data: {} });
  const held = Promise.withResolvers<void>();
  let isMended = false;
  const work = { category: 'order', group: 'billing & co', member: 'worker-1', size: 2 };
  await using _worker = pokewire.consume(
    work,
    () => {
      if (!isMended) throw new Error('no such account');
    },
    { retryMs: [], maxAttempts: 1, onHeld: () => held.resolve() },
  );
  await held.promise;
  await using visited = await visit(app.url);
  const { page, complaints } = visited;
  await page.getByText('order-<b>1@0').waitFor();
  await expect.poll(() => page.locator('#members').innerText()).toMatch(/worker-1\s+0 1/);
  expect(await page.locator('#title').innerText()).toBe('billing & co: category order, 2 partitions');
  expect(await page.locator('#held').innerText()).toContain('parked, failed 1×: Error: no such account');
  expect(await page.locator('#held-count').innerText()).toBe('1 stream held');
  isMended = true;
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByText('None: no message waits for its handler to succeed.').waitFor();
  expect(await page.locator('#answer').innerText()).toBe('order-<b>1: will be tried again');
  expect(await page.locator('#held-count').isVisible()).toBe(false);
  expect(complaints).toEqual([]);
});

test('A button of the groups page keeps its place and focus while the page is updated.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url);
  await pokewire.append('order-1', { type: 'Placed', data: {} });
  const held = Promise.withResolvers<void>();
  await using _worker = pokewire.consume(
    { category: 'order', group: 'billing', member: 'worker-1', size: 2 },
    () => {
      throw new Error('no such account');
    },
    { retryMs: [], maxAttempts: 1, onHeld: () => held.resolve() },
  );
  await held.promise;
  await using visited = await visit(app.url);
  const { page } = visited;
  const replay = page.getByRole('button', { name: 'Replay order-1@0' });
  await replay.focus();
  await page.evaluate('window.focused = document.activeElement');
  const isUpdate = (url: string) => url.endsWith('/parked');
  for (let updates = 0; updates < 2; updates++) await page.waitForResponse((response) => isUpdate(response.url()));
  await page.getByText('up to date').waitFor();
  expect(await page.evaluate("document.activeElement === focused && focused.textContent === 'Replay'")).toBe(true);
});

test('The groups page shows since when the server has not answered.', async () => {
  const app = await startTestApp();
  await using visited = await visit(app.url);
  const { page } = visited;
  await page.getByText('up to date').waitFor();
  await app.close();
  await page.getByText(/^no answer since \d\d:\d\d:\d\d$/).waitFor();
  expect(await page.getByRole('alert').innerText()).toContain('The server does not answer. Is it running?');
});

test('The groups page says that a group has no members, and counts a single partition as one.', async () => {
  await using app = await startTestApp();
  await connect(app.url).append('order-1', { type: 'Placed', data: {} });
  const body = JSON.stringify({ category: 'order', size: 1 });
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(`${app.url}/groups/billing`, { method: 'PUT', headers, body })).status).toBe(201);
  await using visited = await visit(app.url);
  const { page, complaints } = visited;
  await page.getByText('billing: category order, 1 partition', { exact: true }).waitFor();
  await page.getByText('no members', { exact: true }).waitFor();
  await page.getByText('None: messages wait until a worker joins.').waitFor();
  await page.getByRole('button', { name: 'Plan' }).click();
  await page.getByText('The current 1 partition has 1 stream.').waitFor();
  expect(complaints).toEqual([]);
});

test('The groups page fits a phone, without breaking column headings.', async () => {
  await using app = await startTestApp();
  const joined = Promise.withResolvers<void>();
  await using _worker = connect(app.url).consume(
    { category: 'order', group: 'billing', member: 'worker-1', size: 2 },
    () => {},
    { onAssigned: () => joined.resolve() },
  );
  await joined.promise;
  await using visited = await visit(app.url);
  const { page } = visited;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator('#partitions tr').first().waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  const heights = await page
    .locator('th:visible')
    .evaluateAll((headings) => headings.map(({ clientHeight }) => clientHeight));
  expect(Math.max(...heights)).toBeLessThan(2 * 16);
});

test('The groups page plans a resize, showing moves, uneven load and the largest stream, and resizes after a confirmation.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url);
  for (const order of [1, 2, 3, 4, 5, 6]) await pokewire.append(`order-${order}`, { type: 'Placed', data: {} });
  for (let more = 0; more < 6; more++) await pokewire.append('order-6', { type: 'Paid', data: {} });
  await using _worker = pokewire.consume(
    { category: 'order', group: 'billing', member: 'worker-1', size: 2 },
    () => {},
  );
  await using visited = await visit(app.url);
  const { page, complaints } = visited;
  await page.getByText('billing: category order, 2 partitions').waitFor();
  expect(await page.getByRole('textbox', { name: 'Partitions' }).inputValue()).toBe('2');
  await page.getByRole('button', { name: 'Plan' }).click();
  await page.getByText('The current 2 partitions share 6 streams.').waitFor();
  expect(await page.locator('#resize').isVisible()).toBe(false);

  await page.getByRole('textbox', { name: 'Partitions' }).fill('4');
  await page.keyboard.press('Enter');
  await page.getByText('With 4 partitions, 0 of 6 streams would get another owner.').waitFor();
  const plan = await page.locator('#plan').innerText();
  expect(plan).toMatch(/Each new partition\s+waits for 1 current partition/);
  expect(plan).toMatch(/Busiest partition\s+\d: \d+ messages a day, [\d.]+ × the average/);
  expect(plan).toMatch(/Largest stream\s+order-6: 58.3 % of the latest messages/);
  await page.getByText('Partition by partition').click();
  expect(await page.locator('#plan tbody tr').count()).toBe(4);

  const asked: string[] = [];
  page.once('dialog', (dialog) => dialog.dismiss());
  await page.getByRole('button', { name: 'Resize to 4' }).click();
  page.once('dialog', (dialog) => {
    asked.push(dialog.message());
    return dialog.accept();
  });
  await page.getByRole('button', { name: 'Resize to 4' }).click();
  await page.getByText('billing: category order, 4 partitions').waitFor();
  expect(asked).toEqual([
    'Resize billing from 2 partitions? With 4 partitions, 0 of 6 streams would get another owner.',
  ]);
  await page.getByText('Resizing to 4').waitFor();
  // The plan has been carried out and is gone; the focus is on the button that makes another one.
  expect(await page.locator('#resize').isVisible()).toBe(false);
  expect(await page.evaluate('document.activeElement.id')).toBe('ask-plan');
  expect(complaints).toEqual([]);
});

test('The groups page refuses an invalid size at its field.', async () => {
  await using app = await startTestApp();
  await connect(app.url).append('order-1', { type: 'Placed', data: {} });
  await using _worker = connect(app.url).consume(
    { category: 'order', group: 'billing', member: 'worker-1', size: 2 },
    () => {},
  );
  await using visited = await visit(app.url);
  const { page } = visited;
  await page.getByText('billing: category order, 2 partitions').waitFor();
  const size = page.getByRole('textbox', { name: 'Partitions' });
  for (const wrong of ['5000', 'many', '']) {
    await size.fill(wrong);
    await page.getByRole('button', { name: 'Plan' }).click();
    await page.locator('#size-error').waitFor();
    expect(await size.getAttribute('aria-invalid')).toBe('true');
    expect(await page.evaluate('document.activeElement.id')).toBe('size');
  }
  await size.fill('3');
  expect(await size.getAttribute('aria-invalid')).toBeNull();
});

test('A visitor who may only read gets an error on a resize, and the group is unchanged.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await fetch(`${app.url}/groups/billing`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ category: 'order', size: 2 }),
  });
  const reader = { label: '', scope: 'read', expiresAtMs: undefined } as const;
  const { token } = await app.namespaces.createToken('default', reader);
  await using page = await browser.newPage();
  await page.goto(`${app.url}/consumer-groups?token=${token}`);
  await page.getByRole('textbox', { name: 'Partitions' }).fill('3');
  await page.getByRole('button', { name: 'Plan' }).click();
  page.once('dialog', (dialog) => dialog.accept());
  await page.getByRole('button', { name: 'Resize to 3' }).click();
  await page.locator('#resize-answer').getByText('403').waitFor();
  expect(await page.locator('#title').innerText()).toBe('billing: category order, 2 partitions');
});
