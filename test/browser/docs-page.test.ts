import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';
import { append, pokes, subscribe, visit } from './try-page.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

test('a visitor subscribes, appends, sees the poke, and reads its message, without a complaint of the browser', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/`);
  const { page } = visitor;
  expect(page.url()).toBe(`${app.url}/docs`);

  await subscribe(page);
  await page.getByLabel('Data').fill('{"amount": 12345678901234567890.10, "note": "<b>&amp;</b>"}');
  await append(page);
  await page.getByText('Stored: account-123 at 0, global position 1').waitFor();
  await pokes(page).click();
  await page.getByRole('heading', { name: 'account-123 at 0' }).waitFor();

  const shown = await page.locator('#message-text').textContent();
  expect(shown).toContain('"amount": 12345678901234567890.10');
  expect(shown).toContain('"note": "<b>&amp;</b>"');
  expect(await page.locator('#count').textContent()).toBe('1');
  expect(visitor.complaints).toEqual([]);
});

test('names that look like markup and paths stay text on the page and reach their stream', async () => {
  await using app = await startTestApp();
  const stream = '<img src=x onerror=alert(1)>/../"é?#%-1';
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Kind of selector').selectOption('stream');
  await page.getByLabel('To', { exact: true }).fill(stream);
  await subscribe(page);
  await page.getByLabel('Stream', { exact: true }).fill(stream);
  await append(page);
  await pokes(page).click();
  await page.getByRole('heading', { name: `${stream} at 0` }).waitFor();
  expect(await pokes(page).textContent()).toContain(stream);
  expect(visitor.complaints).toEqual([]);
});

test('several selectors are one subscription, and a selector can be taken away', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByLabel('To', { exact: true }).fill('order');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByLabel('Kind of selector').selectOption('stream');
  await page.getByLabel('To', { exact: true }).fill('invoice-7');
  await page.getByRole('button', { name: 'Remove account' }).click();
  await subscribe(page);
  expect(await page.locator('#subscribe-line code').textContent()).toBe(
    `curl -N '${app.url}/subscribe?category=order&stream=invoice-7'`,
  );
  for (const stream of ['account-1', 'order-1', 'invoice-7', 'invoice-8', 'order-2']) {
    expect((await app.append(stream, { type: 'Made', data: {} })).status).toBe(201);
  }
  await pokes(page).nth(2).waitFor();
  const streams = await page.locator('#pokes .stream').allTextContents();
  expect(streams).toEqual(['order-2', 'invoice-7', 'order-1']);
});

test('everything is subscribed to from now on, or by a member of a consumer group its share of a category', async () => {
  await using app = await startTestApp();
  const appended = await app.append('account-1', { type: 'Made', data: {} });
  expect(appended.status).toBe(201);
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Kind of selector').selectOption('all');
  await subscribe(page);
  await append(page);
  await pokes(page).waitFor();
  expect(await page.locator('#pokes .global').allTextContents()).toEqual(['2']);

  await page.getByLabel('Kind of selector').selectOption('category');
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByLabel('Consumer').fill('0');
  await page.getByLabel('Group size').fill('1');
  await page.getByRole('button', { name: 'Resubscribe' }).click();
  await pokes(page).nth(2).waitFor();
  const shown = (await page.locator('#pokes > li').allTextContents()).map((text) => text.replace(/ ?\d\d:.*/, ''));
  expect(shown).toEqual([
    '2account-1230',
    '1account-10',
    'subscribed to category account, consumer 0 of 1 at',
    '2account-1230',
    'subscribed to everything at',
  ]);
});

async function put(url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const { status } = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  expect(status).toBe(201);
}

test('every operation of the description is on the page, with a command that works', async () => {
  await using app = await startSqliteApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.locator('details').first().waitFor();
  const { paths } = (await app.get('/openapi.json')).body as { paths: Record<string, Record<string, unknown>> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const shown = await page
    .locator('summary')
    .evaluateAll((summaries) =>
      summaries.map(({ children: [method, path] }) => `${method?.textContent} ${path?.textContent}`),
    );
  expect(shown.toSorted()).toEqual(described.toSorted());

  const refusals = await page.getByText('A failure, see errors').count();
  expect(refusals, 'rows of refusals').toBe(described.length);

  await put(`${app.url}/groups/billing`, { category: 'account', size: 8 });
  // What a member of the group holds in the examples.
  await app.append('account-28', Array(8).fill({ type: 'Deposited', data: {} }));
  // The first one appends, so that the others find something, until the last ones delete it, parts before wholes.
  const commands = await page.locator('#reference .curl code').allTextContents();
  const deletes = (command: string) => Number(command.includes(' -X DELETE'));
  for (const command of commands.toSorted((a, b) => deletes(a) - deletes(b) || deletes(a) * (b.length - a.length))) {
    const url = /'(http[^']*)'/.exec(command)![1]!;
    const body = /-d '([^']*)'/.exec(command)?.[1];
    const method = / -X (\w+)/.exec(command)?.[1] ?? (body === undefined ? 'GET' : 'POST');
    const json = { method, body: body!, headers: { 'content-type': 'application/json' } };
    const outcome = async () => {
      const response = await fetch(url, body === undefined ? { method } : json);
      if (!response.ok) return ((await response.json()) as { error: { code: string } }).error.code;
      await response.body?.cancel();
      return 'done';
    };
    // Nobody is a member of the group here, whose partitions would have the generation of the example.
    const outcomes = command.includes('"generation"') ? ['done', 'FENCED'] : ['done'];
    // A group that is being resized is busy for a moment.
    await expect.poll(outcome, { timeout: 10_000, message: command }).toBeOneOf(outcomes);
  }
});

test('the page fits a narrow screen, also when everything is unfolded', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`, { viewport: { width: 360, height: 740 } });
  const { page } = visitor;
  await page.locator('details').first().waitFor();
  for (const summary of await page.locator('summary').all()) await summary.click();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
});

test('the full reference shows the operations from this server alone, without a complaint of the browser', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByRole('link', { name: 'Full reference' }).click();
  await page.getByRole('button', { name: 'GET /subscribe' }).first().click();
  await page.getByText('Last-Event-ID').first().waitFor();
  expect(new URL(page.url()).pathname).toBe('/docs/reference');
  expect(visitor.complaints).toEqual([]);
});
