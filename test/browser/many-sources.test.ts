import { createHash, X509Certificate } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caddyTuned, haproxyTuned, nginxTuned, selfSigned } from '../proxies/documented.ts';
import { launchBrowser } from '../support/browser.ts';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';

const files = { nginx: nginxTuned, haproxy: haproxyTuned, caddy: caddyTuned };
type Kind = keyof typeof files;

/** More than the six connections per host that a browser opens over HTTP/1.1. */
const count = 20;
const patience = { timeout: 30_000, interval: 20 };
const hasOpenssl = isInstalled('openssl');
const certificate = hasOpenssl ? selfSigned() : { cert: '', key: '' };

/** A server and a proxy in front of it. */
async function startBehind(kind: Kind) {
  await using starting = new AsyncDisposableStack();
  const server = starting.use(await ServerProcess.start());
  const proxy = starting.use(await RealProxy.start(kind, files[kind]({ url: server.url }, certificate)));
  const started = starting.move();
  return { server, proxy, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** Opens 20 sources in one page. Resolves to the protocol of its requests when each source received a poke. */
async function openMany(browser: Browser, { server, proxy }: Awaited<ReturnType<typeof startBehind>>): Promise<string> {
  await using context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`https://localhost:${proxy.port}/health`);
  await page.evaluate(`
    globalThis.told = new Array(${count}).fill(0);
    for (const at of told.keys()) {
      new EventSource('/subscribe?category=account').addEventListener('poke', () => told[at]++);
    }`);
  await server.untilSubscriptions(count);
  await server.append('account-1');
  await expect.poll(() => page.evaluate('told'), patience).toEqual(new Array(count).fill(1));
  // Awaited here, because the page would otherwise be closed before it has answered.
  return await page.evaluate(`fetch('/version').then(async (response) => {
    await response.text();
    return performance.getEntriesByName(response.url)[0].nextHopProtocol;
  })`);
}

describe('20 event sources in one page share a connection', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  for (const kind of Object.keys(files) as Kind[]) {
    test.skipIf(!hasOpenssl || !isInstalled(kind))(
      `over HTTP/2 to ${kind} (needs ${kind} and openssl on PATH).`,
      async () => {
        await using behind = await startBehind(kind);
        expect(await openMany(browser, behind)).toBe('h2');
      },
    );
  }
});

test.skipIf(!hasOpenssl || !isInstalled('caddy'))(
  '20 event sources in one page share a connection over HTTP/3 to caddy (needs caddy and openssl on PATH).',
  async () => {
    await using behind = await startBehind('caddy');
    // QUIC accepts a self-signed certificate only by the hash of its key.
    const key = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' });
    const hash = createHash('sha256').update(key).digest('base64');
    await using browser = await launchBrowser([
      // Otherwise it would also try the proxy on ::1.
      '--host-resolver-rules=MAP localhost 127.0.0.1',
      `--origin-to-force-quic-on=localhost:${behind.proxy.port}`,
      `--ignore-certificate-errors-spki-list=${hash}`,
    ]);
    expect(await openMany(browser, behind)).toBe('h3');
  },
);
