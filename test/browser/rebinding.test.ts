import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

// Simulates an attacker's name server, which first returns its own address, then 127.0.0.1: the browser gets the second answer.
let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser(['--host-resolver-rules=MAP rebound.example 127.0.0.1']);
});
afterAll(() => browser.close());

const write = ['stream.write', 'a-1', { type: 'T', data: {} }];

/**
 * Statuses and texts that a page with a rebound name can read from the server, which the browser considers the page's
 * own origin.
 */
async function askAsOwn({ port }: TestApp, calls: readonly (readonly [path: string, body?: unknown])[]) {
  // The attacker's page came from elsewhere, without our policy.
  await using page = await browser.newPage({ bypassCSP: true });
  await page.goto(`http://rebound.example:${port}/`);
  const asked = calls.map(([path, body]) => [path, body === undefined ? null : JSON.stringify(body)] as const);
  return await page.evaluate(async (list) => {
    const answers = [];
    for (const [path, body] of list) {
      const response = await fetch(path, body === null ? {} : { method: 'POST', body });
      answers.push({ status: response.status, text: await response.text() });
    }
    return answers;
  }, asked);
}

test('A page that rebinds its name to 127.0.0.1 can neither read, write nor delete.', async () => {
  await using app = await startTestApp();
  await app.append('secret-1', { type: 'T', data: { amount: 100 } });
  const answers = await askAsOwn(app, [
    ['/streams'],
    ['/streams/secret-1/messages'],
    ['/export'],
    ['/subscribe?all=true'],
    ['/rpc', write],
    ['/rpc', ['ns.delete', 'default']],
    ['/import?force=true', ''],
  ]);
  expect(answers.map(({ status }) => status)).toEqual(Array(7).fill(421));
  for (const { text } of answers) expect(text).not.toContain('secret-1');
  expect((await app.get('/streams')).body.streams).toMatchObject([{ stream: 'secret-1', messageCount: 1 }]);
});

test('A page under a name in --allowed-hosts counts as the server’s own.', async () => {
  await using app = await startTestApp(['--allowed-hosts', 'rebound.example']);
  const [written, read] = await askAsOwn(app, [['/rpc', write], ['/streams']]);
  expect([written?.status, read?.status]).toEqual([200, 200]);
  expect((await app.get('/streams/a-1')).status).toBe(200);
});
