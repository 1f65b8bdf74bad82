import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';
import { eventually, visit } from './visit.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

async function visitReference(app: TestApp, hash = '', width = 1280) {
  const visitor = await visit(browser, `${app.url}/reference${hash}`, { viewport: { width, height: 800 } });
  await visitor.page.locator('#errors').waitFor();
  return visitor;
}

async function describedIn(app: TestApp) {
  const { paths } = (await app.get('/openapi.json')).body as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({
      route: `${method.toUpperCase()} ${path}`,
      id: operationId,
    })),
  );
}

/** The samples of every operation, by its id and the tab's name. */
async function samplesIn(page: Page): Promise<Record<string, Record<string, string>>> {
  const samples = await page.locator('#reference .operation[id]').evaluateAll((sections) =>
    sections.map((section) => {
      const names = [...section.querySelectorAll('[role=tab]')];
      const texts = [...section.querySelectorAll('[role=tabpanel] code')];
      return [
        section.id,
        Object.fromEntries(names.map(({ textContent }, index) => [textContent, texts[index]!.textContent])),
      ];
    }),
  );
  return Object.fromEntries(samples);
}

/** The request that a command sends. */
function requestOf(command: string) {
  const body = /-d '([^']*)'/.exec(command)?.[1];
  return {
    url: /'(http[^']*)'/.exec(command)![1]!,
    method: / -X (\w+)/.exec(command)?.[1] ?? (body === undefined ? 'GET' : 'POST'),
    type: /-H 'content-type: ([^']*)'/.exec(command)?.[1],
    body,
  };
}

/** Runs a sample like a module, with these values for its imports and browser globals. */
function runSample(text: string, given: Readonly<Record<string, unknown>>): Promise<unknown> {
  const AsyncFunction = (async () => {}).constructor as new (
    ...parts: string[]
  ) => (...values: unknown[]) => Promise<unknown>;
  const body = `${text.replace(/^import .*$/m, '')}\nreturn typeof pokes === 'undefined' ? undefined : pokes;`;
  return new AsyncFunction(...Object.keys(given), body)(...Object.values(given));
}

async function put(url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const { status } = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  expect(status).toBe(201);
}

test('Every described operation is in the reference, with a link to itself and example answers.', async () => {
  await using app = await startTestApp();
  await using visitor = await visitReference(app);
  const { page } = visitor;
  const described = await describedIn(app);
  const sections = page.locator('#reference .operation[id]');
  const shown = await sections.evaluateAll((all) =>
    all.map((section) => ({
      id: section.id,
      route: section.querySelector('.route')!.textContent,
      links: [...section.querySelectorAll('.anchor')].map((link) => `${link.textContent}${link.getAttribute('href')}`),
      examples: [...section.querySelectorAll('.example pre')].map((example) => example.textContent.trim()),
    })),
  );
  expect(shown.map(({ route }) => route).toSorted()).toEqual(described.map(({ route }) => route).toSorted());
  expect(shown.map(({ id }) => id).toSorted()).toEqual(described.map(({ id }) => id).toSorted());
  for (const { id, links, examples } of shown) {
    expect(links, id).toEqual([`¶#${id}`]);
    expect(examples.length, id).toBeGreaterThan(0);
    expect(examples, id).not.toContain('');
  }
  const index = await page.locator('#index a').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  expect(index).toEqual([...shown.map(({ id }) => `#${id}`), '#errors']);
  const refusals = await page.getByText('A failure, see errors').count();
  expect(refusals, 'rows of refusals').toBe(described.length);
  expect(visitor.complaints).toEqual([]);
});

test('Every operation has a working command, and the other languages send the same request.', async () => {
  await using app = await startSqliteApp();
  await using visitor = await visitReference(app);
  const samples = await samplesIn(visitor.page);
  expect(Object.keys(samples).length).toBe((await describedIn(app)).length);

  await put(`${app.url}/groups/billing`, { category: 'account', size: 8 });
  // The held stream of the examples.
  await app.append('account-28', Array(8).fill({ type: 'Deposited', data: {} }));
  // The appends run first, so that the others find data; the deletes run last, parts before wholes.
  const deletes = ({ curl }: Record<string, string>) => Number(curl!.includes(' -X DELETE'));
  const ordered = Object.entries(samples).toSorted(
    ([, a], [, b]) => deletes(a) - deletes(b) || deletes(a) * (b.curl!.length - a.curl!.length),
  );
  for (const [id, { curl, fetch: fetchText, EventSource: sourceText, 'pokewire/client': clientText }] of ordered) {
    const asked = requestOf(curl!);
    const headers = asked.type === undefined ? {} : { 'content-type': 'application/json' };
    const outcome = async () => {
      const response = await fetch(asked.url, { method: asked.method, headers, body: asked.body ?? null });
      if (!response.ok) return ((await response.json()) as { error: { code: string } }).error.code;
      await response.body?.cancel();
      return 'done';
    };
    // The group has no such member here, and its partitions are not in the example's generation.
    const outcomes = curl!.includes('"generation"') ? ['done', 'FENCED'] : ['done'];
    // A group that is being resized is busy for a moment.
    await expect.poll(outcome, { timeout: 10_000, message: curl! }).toBeOneOf(outcomes);

    const requests: unknown[] = [];
    const log = { log: () => {} };
    const noted = (url: string, { method = 'GET', headers: sent, body }: RequestInit = {}) => {
      const type = new Headers(sent).get('content-type') ?? undefined;
      requests.push({ url, method, type, body: body?.toString().trim() });
      return Promise.resolve(new Response('{}'));
    };
    await runSample(fetchText!, { fetch: noted, console: log });
    class NotedSource {
      constructor(url: string) {
        requests.push({ url, method: 'GET', type: undefined, body: undefined });
      }
      addEventListener() {}
    }
    if (sourceText !== undefined) await runSample(sourceText, { EventSource: NotedSource, console: log });
    for (const request of requests) expect(request, id).toEqual(asked);

    if (clientText === undefined) continue;
    const pokes = await runSample(clientText, { connect, console: log });
    (pokes as { close(): void } | undefined)?.close();
  }
});

test('A link to an operation shows it, even if a search hides it.', async () => {
  await using app = await startTestApp();
  await using visitor = await visitReference(app, '#issueTicket');
  const { page } = visitor;
  const top = (id: string) => page.locator(`#${id}`).evaluate((section) => section.getBoundingClientRect().top);
  await eventually(() => top('issueTicket')).toBeLessThan(200);
  expect(await top('issueTicket')).toBeGreaterThanOrEqual(0);
  expect(await page.locator('#issueTicket:target').count()).toBe(1);

  await page.keyboard.press('/');
  await page.keyboard.type('retention PUT');
  await page.getByText('2 of').waitFor();
  expect(await page.locator('#reference .operation[id]:visible').evaluateAll((all) => all.map(({ id }) => id))).toEqual(
    ['setRetention', 'setCategoryRetention'],
  );
  expect(await page.locator('#index a:visible').allTextContents()).toEqual([
    'Limit the log',
    'Limit a category',
    'Errors',
  ]);
  await page.evaluate("location.hash = '#beginSession'");
  await page.locator('#beginSession').waitFor();
  await eventually(() => top('beginSession')).toBeLessThan(200);
  expect(visitor.complaints).toEqual([]);
});

test('A language chosen by keyboard applies to every operation, without scrolling the page.', async () => {
  await using app = await startTestApp();
  await using visitor = await visitReference(app, '#subscribe');
  const { page } = visitor;
  const subscribe = page.locator('#subscribe');
  await subscribe.getByRole('tab', { name: 'curl' }).focus();
  const before = await subscribe.getByRole('tablist').evaluate((list) => list.getBoundingClientRect().top);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await page.evaluate('document.activeElement.textContent')).toBe('EventSource');
  expect(await subscribe.getByRole('tabpanel').textContent()).toContain('new EventSource(');
  const after = await subscribe.getByRole('tablist').evaluate((list) => list.getBoundingClientRect().top);
  expect(Math.abs(after - before)).toBeLessThan(2);
  // An operation without this sample shows its first one.
  await page.locator('#subscribe').getByRole('tab', { name: 'fetch' }).click();
  expect(await page.locator('#appendMessages').getByRole('tabpanel').textContent()).toContain('await fetch(');
});

test("Requests and answers are beside an operation's description from 1200 pixels on, and below it on a phone.", async () => {
  await using app = await startTestApp();
  await using visitor = await visitReference(app, '', 1200);
  const { page } = visitor;
  const columns = () =>
    page.locator('#appendMessages').evaluate((section) => {
      const [about, beside] = [...section.children].map((part) => part.getBoundingClientRect());
      return { isBeside: beside!.left >= about!.right, isBelow: beside!.top >= about!.bottom };
    });
  expect(await columns()).toEqual({ isBeside: true, isBelow: false });
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await columns()).toEqual({ isBeside: false, isBelow: true });
  for (const summary of await page.locator('summary').all()) await summary.click();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
});
