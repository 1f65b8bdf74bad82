import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** A page that notes everything a visitor would find in the console, and every request that leaves the server. */
async function visit(url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (to.protocol !== 'data:' && to.origin !== new URL(url).origin) complaints.push(`request to ${to.origin}`);
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

async function subscribe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
}

function append(page: Page): Promise<void> {
  return page.getByRole('button', { name: 'Append' }).click();
}

const pokes = (page: Page) => page.getByLabel('Pokes, newest first').getByRole('button');

test('a visitor subscribes, appends, sees the poke, and reads its message, without a complaint of the browser', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/`);
  const { page } = visitor;
  expect(page.url()).toBe(`${app.url}/docs`);

  await subscribe(page);
  await page.getByLabel('Data').fill('{"amount": 12345678901234567890.10, "note": "<b>&amp;</b>"}');
  await append(page);
  await page.getByText('201: account-123 at 0, global position 1').waitFor();
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
  await using visitor = await visit(`${app.url}/docs`);
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

test('an append that is refused shows the sentence of the server', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('if the version is').fill('4');
  await append(page);
  const answer = await app.append('account-123', { type: 'Deposited', data: {} }, 'expectedVersion=4');
  const { code, message } = answer.body.error;
  await page.getByText(`${message} (409 ${code})`).waitFor();
});

test('data that is not JSON is not sent', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Data').fill('{"amount": }');
  await append(page);
  await page.getByText('The data is not JSON').waitFor();
  expect((await app.get('/streams')).body.streams).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});

test('several selectors are one subscription, and a selector can be taken away', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/docs`);
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
  await using visitor = await visit(`${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Kind of selector').selectOption('all');
  await subscribe(page);
  await append(page);
  await pokes(page).waitFor();
  expect(await page.locator('#pokes .global').allTextContents()).toEqual(['2']);

  await page.getByRole('button', { name: 'Remove everything' }).click();
  await page.getByLabel('To', { exact: true }).fill('account');
  await page.getByLabel('Consumer').fill('0');
  await page.getByLabel('of group size').fill('1');
  await subscribe(page);
  await pokes(page).nth(1).waitFor();
  expect(await page.locator('#pokes .stream').allTextContents()).toEqual(['account-123', 'account-1']);
});

test('a subscription that is refused shows the sentence of the server', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Consumer').fill('2');
  await page.getByLabel('of group size').fill('2');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  const { code, message } = (await app.get('/subscribe?category=account&consumer=2&size=2')).body.error;
  await page.getByText(`${message} (400 ${code})`).waitFor();
  await page.getByText('refused', { exact: true }).waitFor();
});

test('the page tells that the server went away, and goes on by itself when it is back', async () => {
  const flags = ['--retry-min-ms', '50', '--retry-max-ms', '100'];
  const first = await startTestApp(flags);
  await using visitor = await visit(`${first.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await first.close();
  await page.getByText('reconnecting', { exact: true }).waitFor();
  await append(page);
  await page.getByText('The server does not answer.').waitFor();

  await using _second = await startTestApp([...flags, '--port', String(first.port)]);
  await page.getByText('open', { exact: true }).waitFor();
  await append(page);
  await pokes(page).waitFor();
  await page.getByRole('button', { name: 'Unsubscribe' }).click();
  await page.getByText('not subscribed', { exact: true }).waitFor();
});

async function put(url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const { status } = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  expect(status).toBe(201);
}

test('every operation of the description is on the page, with a command that works', async () => {
  await using app = await startSqliteApp();
  await using visitor = await visit(`${app.url}/docs`);
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
  await using visitor = await visit(`${app.url}/docs`, { viewport: { width: 360, height: 740 } });
  const { page } = visitor;
  await page.locator('details').first().waitFor();
  for (const summary of await page.locator('summary').all()) await summary.click();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
});

test('the full reference shows the operations from this server alone, without a complaint of the browser', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(`${app.url}/docs`);
  const { page } = visitor;
  await page.getByRole('link', { name: 'Full reference' }).click();
  await page.getByRole('button', { name: 'GET /subscribe' }).first().click();
  await page.getByText('Last-Event-ID').first().waitFor();
  expect(new URL(page.url()).pathname).toBe('/docs/reference');
  expect(visitor.complaints).toEqual([]);
});

test('a visitor is told that nothing was missed, why a stream ended, and when the log is another one', async () => {
  await using first = await startTestApp(['--heartbeat-ms', '150', '--retry-min-ms', '1', '--retry-max-ms', '1']);
  await using visitor = await visit(`${first.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await append(page);
  await page.getByText('nothing missed', { exact: true }).waitFor();
  expect(visitor.complaints).toEqual([]);
  await first.close();
  await page.getByText('The server stops. The browser reconnects and resumes.').waitFor();

  // Its cursor would hide the first message of the new log, if it did not name the old one.
  await using second = await startTestApp(['--port', String(first.port), '--retry-min-ms', '1', '--retry-max-ms', '1']);
  await second.append('account-9', [
    { type: 'Happened', data: {} },
    { type: 'Happened', data: {} },
  ]);
  await page.getByText('The log is another one: 2 on cannot be told.').waitFor();
  await pokes(page).nth(2).waitFor();
  const newest = (await pokes(page).allTextContents()).slice(0, 2).map((text) => text.replace(/\d\d:.*/, ''));
  expect(newest).toEqual(['2account-91', '1account-90']);
});
