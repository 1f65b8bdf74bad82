import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nginxDefault, nginxTuned, selfSigned } from '../proxies/documented.ts';
import { launchBrowser } from '../support/browser.ts';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { startTestApp } from '../support/start-app.ts';
import { collected, cutAfterComment, held, type Manner, UnrulyProxy } from '../support/unruly-proxy.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;
const hasNginx = isInstalled('nginx') && isInstalled('openssl');

// The page measures delays, which a busy machine may cause, so it may try again.
const measures = { retry: 3 };

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** Opens the page, and records errors in the console, except for streams that were cut on purpose. */
async function visit(url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('net::ERR_')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Runs the whole diagnosis with less patience than a visitor can choose. */
async function diagnose(page: Page, seconds = 2): Promise<void> {
  await page.evaluate(`silence.add(new Option('', ${seconds}, true, true))`);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.locator('#report').waitFor();
}

/** The page's verdict, and its text. */
async function checkOf(page: Page, name: string) {
  const check = page.locator(`#check-${name}`);
  return { state: await check.getAttribute('data-state'), text: await check.innerText() };
}

/** The page's measurements. */
// biome-ignore lint/suspicious/noExplicitAny: what the page has gathered
async function reportOf(page: Page): Promise<any> {
  const text = (await page.locator('#report-text').textContent())!;
  return JSON.parse(text.slice(text.indexOf('\n{')));
}

const saying = (state: string, ...texts: string[]) => ({
  state,
  text: expect.stringMatching(new RegExp(texts.map((text) => `(?=[^]*${RegExp.escape(text)})`).join(''))),
});

describe.concurrent('The page of /diagnose', () => {
  test('finds no problem without a proxy, and leaves nothing behind', measures, async ({ expect }) => {
    await using app = await startTestApp(['--heartbeat-ms', '500']);
    await using visitor = await visit(`${app.url}/diagnose`);
    const { page } = visitor;
    await diagnose(page);
    expect(await checkOf(page, 'connection')).toEqual(saying('good', 'no proxy seen', '127.0.0.1'));
    expect(await checkOf(page, 'protocol')).toEqual(saying('info', 'Note:', 'HTTP/1.1', 'six connections'));
    expect(await checkOf(page, 'delivery')).toEqual(saying('good', 'within', ' ms'));
    expect(await checkOf(page, 'compression')).toEqual(saying('good', 'none'));
    expect(await checkOf(page, 'greeting')).toEqual(saying('good', 'within'));
    expect(await checkOf(page, 'silence')).toEqual(saying('good', '2 s and open', 'heartbeats every 0.5 s'));
    expect(await page.locator('#verdict').textContent()).toBe('Streams work from here: nothing is in the way.');
    expect(await page.locator('#summary').textContent()).toBe('1 note · 5 good');
    // Each line of the drawing starts at the dot of its event.
    const timesOf = (drawn: string, name: string) =>
      page.locator(`#check-delivery ${drawn}`).evaluateAll((all, key) => all.map((one) => one.getAttribute(key)), name);
    expect(await timesOf('.track:first-child .dot', 'data-at')).toEqual(await timesOf('line', 'data-from'));
    expect((await reportOf(page)).silence).toEqual({ outcome: 'survived', seconds: 2 });
    expect((await app.get('/streams')).body.streams).toEqual([]);
    await expect.poll(() => app.hub.subscriptions.size).toBe(0);
    expect(visitor.complaints).toEqual([]);
  });

  test('works with the session of a visitor with a token, and not without one', async ({ expect }) => {
    await using app = await startTestApp(['--token', admin]);
    expect((await app.get('/diagnose')).status).toBe(401);
    expect((await app.get('/diagnose/stream')).status).toBe(401);
    await using visitor = await visit(`${app.url}/diagnose?token=${admin}`);
    const { page } = visitor;
    expect(page.url()).toBe(`${app.url}/diagnose`);
    await page.getByRole('button', { name: 'Start' }).click();
    await page.locator('#check-greeting[data-state=good]').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped.').waitFor();
    expect(await page.locator('#summary').textContent()).toContain('1 note');
    await page.getByRole('button', { name: 'Start' }).waitFor();
    expect(await checkOf(page, 'silence')).toEqual(saying('stopped', 'not measured'));
    await expect.poll(() => app.hub.subscriptions.size).toBe(0);
  });

  test(
    'reports which events arrived together, the delay of the greeting, and the silence before a cut',
    measures,
    async ({ expect }) => {
      await using app = await startTestApp(['--heartbeat-ms', '300']);
      const manners: [string, Manner][] = [
        ['/diagnose/stream?events=12', collected(3)],
        ['/diagnose/stream?events=1&', cutAfterComment(1_500, 500)],
        ['/subscribe', held(1_500)],
      ];
      const mannerOf = (path: string) => manners.find(([start]) => path.startsWith(start))?.[1];
      await using proxy = await UnrulyProxy.open(app.port, mannerOf);
      await using visitor = await visit(`${proxy.url}/diagnose`);
      const { page } = visitor;
      await diagnose(page, 6);
      expect(await checkOf(page, 'delivery')).toEqual(saying('mind', '2 of 13 events came together'));
      expect(await checkOf(page, 'greeting')).toEqual(saying('bad', 'after 1.', 'proxy_buffering off;'));
      const { outcome, afterSeconds } = (await reportOf(page)).silence;
      expect(outcome).toBe('cut');
      // Measured from the arrival of the first event, it would be 2 seconds.
      expect(afterSeconds).toBeGreaterThan(0.4);
      expect(afterSeconds).toBeLessThan(1.4);
      expect(await checkOf(page, 'silence')).toEqual(saying('good', 'cut after ', 'stayed open'));
      expect(await page.locator('#verdict').textContent()).toBe('Streams do not work properly from here.');
      expect(visitor.complaints).toEqual([]);
    },
  );

  test('says before it starts what it measures and how long that takes', async ({ expect }) => {
    await using app = await startTestApp();
    await using visitor = await visit(`${app.url}/diagnose`);
    const { page } = visitor;
    await expect.poll(() => page.locator('#checks h2').count()).toBe(6);
    for (const text of await page.locator('#checks p').allTextContents()) expect(text).toMatch(/^[A-Z].{30,}\.$/);
    await page.getByText('Takes about 80 s.').waitFor();
    await page.getByLabel('Longest silence to try').selectOption('10 seconds');
    await page.getByText('Takes about 15 s.').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText(/^about \d+ s left$/).waitFor();
    await page.getByRole('progressbar', { name: 'Measured so far' }).waitFor();
    expect(await page.getByRole('button', { name: 'Start' }).count()).toBe(0);
  });

  test('gives a report in words to copy and to save', async ({ expect }) => {
    await using app = await startTestApp();
    await using visitor = await visit(`${app.url}/diagnose`, { permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = visitor;
    await page.getByRole('button', { name: 'Start' }).click();
    await page.locator('#check-protocol[data-state=info]').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Copy report' }).click();
    // The button shows this confirmation only briefly.
    const copied = await page.locator('#report-text').textContent();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(copied);
    expect(copied).toMatch(/^Pokewire at http:\S+, \d{4}-.*\n\n✓ What the server sees: no proxy seen\n {2}No proxy/);
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    const saved = await saving;
    expect(saved.suggestedFilename()).toBe('pokewire-diagnosis.txt');
    expect(await readFile(await saved.path(), 'utf8')).toBe(copied);
    expect(visitor.complaints).toEqual([]);
  });

  test('fits a narrow screen', async ({ expect }) => {
    await using app = await startTestApp();
    await using visitor = await visit(`${app.url}/diagnose`, { viewport: { width: 360, height: 740 } });
    await visitor.page.getByRole('button', { name: 'Start' }).click();
    await visitor.page.locator('#check-connection[data-state=good]').waitFor();
    expect(await visitor.page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  test.skipIf(!hasNginx)(
    'reports that nginx buffers, and names the setting (needs nginx and openssl on PATH)',
    async ({ expect }) => {
      await using app = await startTestApp();
      const more = 'proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;';
      await using proxy = await RealProxy.start('nginx', nginxDefault({ url: app.url, more }));
      await using visitor = await visit(`http://127.0.0.1:${proxy.port}/diagnose`);
      const { page } = visitor;
      await diagnose(page);
      const settings = ['nginx', 'proxy_buffering off;', 'X-Accel-Buffering'];
      expect(await checkOf(page, 'delivery')).toEqual(saying('bad', 'one burst', ...settings));
      expect(await checkOf(page, 'greeting')).toEqual(saying('bad', 'no greeting', 'What helps the events helps here'));
      expect(await checkOf(page, 'silence')).toEqual(saying('bad', '2 s and open', 'something holds them back'));
      expect(await checkOf(page, 'connection')).toEqual(
        saying('mind', 'nginx/', 'proxy_set_header Host $http_host;', 'X-Forwarded-For', 'proxy_http_version 1.1'),
      );
      expect(await page.locator('#summary').textContent()).toContain('3 failed');
      expect(visitor.complaints).toEqual([]);
    },
  );

  test.skipIf(!hasNginx)(
    'says after how many seconds nginx cuts a silent stream, and what to change (needs nginx and openssl on PATH)',
    measures,
    async ({ expect }) => {
      await using app = await startTestApp();
      await using proxy = await RealProxy.start('nginx', nginxDefault({ url: app.url, idleTimeout: '1500ms' }));
      await using visitor = await visit(`http://127.0.0.1:${proxy.port}/diagnose`);
      await diagnose(visitor.page, 6);
      expect(await checkOf(visitor.page, 'delivery')).toEqual(saying('good', 'within'));
      // nginx moves its timers in steps of up to 300 ms.
      const { afterSeconds } = (await reportOf(visitor.page)).silence;
      expect(afterSeconds).toBeGreaterThan(1.4);
      expect(afterSeconds).toBeLessThan(4);
      const settings = ['Pokewire', '--heartbeat-ms ', 'nginx', 'proxy_read_timeout 75s;'];
      expect(await checkOf(visitor.page, 'silence')).toEqual(
        saying('bad', 'cut after ', 'not often enough', ...settings),
      );
    },
  );

  test.skipIf(!hasNginx)(
    'recommends no change behind nginx as documented, with HTTP/2 (needs nginx and openssl on PATH)',
    measures,
    async ({ expect }) => {
      await using app = await startTestApp(['--heartbeat-ms', '300', '--trusted-proxies', '127.0.0.1']);
      const files = nginxTuned({ url: app.url, idleTimeout: '1500ms' }, selfSigned());
      await using proxy = await RealProxy.start('nginx', files);
      await using visitor = await visit(`https://127.0.0.1:${proxy.port}/diagnose`);
      const { page } = visitor;
      await diagnose(page, 6);
      expect(await checkOf(page, 'protocol')).toEqual(saying('good', 'HTTP/2'));
      expect(await checkOf(page, 'connection')).toEqual(saying('good', 'nginx/'));
      expect(await checkOf(page, 'silence')).toEqual(saying('good', 'cut after ', 'stayed open'));
      expect(await page.locator('#verdict').textContent()).toBe('Streams work from here: nothing is in the way.');
      expect(visitor.complaints).toEqual([]);
    },
  );
});
