import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { headerLinks } from '../../src/http/pages/header.ts';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { append, pokes, subscribe } from './try-page.ts';
import { visit } from './visit.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

/** A proxy that serves the server on this port below `/below/`, and nothing else. Close it by `await using`. */
async function startProxy(port: number): Promise<AsyncDisposable & { readonly url: string }> {
  const proxy = createServer((asked, answer) => {
    if (!asked.url!.startsWith('/below/')) return answer.writeHead(404).end();
    const { method, headers } = asked;
    const forwarded = request(
      { host: '127.0.0.1', port, method, headers, path: asked.url!.slice('/below'.length) },
      (response) => {
        answer.writeHead(response.statusCode!, response.headers);
        response.pipe(answer);
      },
    );
    forwarded.on('error', () => answer.destroy());
    answer.on('close', () => forwarded.destroy());
    return asked.pipe(forwarded);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/below/`,
    [Symbol.asyncDispose]: async () => {
      proxy.close();
      proxy.closeAllConnections();
      await once(proxy, 'close');
    },
  };
}

test('Below a proxy’s path a visitor signs in, receives pokes, changes pages and signs out, without requests outside of the path.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await using proxy = await startProxy(app.port);
  await using browser = await launchBrowser();
  await using visitor = await visit(browser, proxy.url);
  const { page } = visitor;
  const outside: string[] = [];
  const missing: string[] = [];
  page.on('request', (asked) => {
    if (!asked.url().startsWith(proxy.url) && !asked.url().startsWith('data:')) outside.push(asked.url());
  });
  page.on('response', (response) => response.status() === 404 && missing.push(response.url()));
  expect(page.url()).toBe(`${proxy.url}docs`);
  await page.getByLabel('Token').fill(admin);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await subscribe(page);
  await append(page);
  await pokes(page).first().waitFor();
  for (const { path, text } of headerLinks) {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: text }).click();
    await page.waitForURL(`${proxy.url}${path.slice(1)}`);
  }
  await page.locator('#errors').waitFor();
  await page.goto(`${proxy.url}no/where`);
  await page.getByRole('link', { name: 'Streams' }).click();
  await page.getByRole('link', { name: 'account-123' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
  expect(outside).toEqual([]);
  expect(missing).toEqual([`${proxy.url}no/where`]);
});
