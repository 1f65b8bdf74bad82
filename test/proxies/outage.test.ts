import { EventSource } from 'eventsource';
import { Agent, fetch as fetchBy } from 'undici';
import { describe, expect, test } from 'vitest';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import { type Certificate, caddyTuned, haproxyTuned, nginxTuned, selfSigned } from './documented.ts';

const patience = { timeout: 40_000, interval: 20 };
const files = { nginx: nginxTuned, haproxy: haproxyTuned, caddy: caddyTuned };

/** An `EventSource` that trusts the certificate, and the events it saw. */
function sourceVia(proxy: RealProxy, { cert }: Certificate) {
  const dispatcher = new Agent({ connect: { ca: cert } });
  const source = new EventSource(`https://localhost:${proxy.port}/subscribe?category=account`, {
    fetch: (url, init) => fetchBy(url, { ...init, dispatcher } as never) as never,
  });
  const seen = { pokes: [] as string[], emptyEvents: 0, losses: 0 };
  source.addEventListener('poke', ({ data }) => seen.pokes.push(data));
  source.addEventListener('message', () => seen.emptyEvents++);
  source.addEventListener('error', () => seen.losses++);
  return {
    source,
    seen,
    async [Symbol.asyncDispose]() {
      source.close();
      await dispatcher.destroy();
    },
  };
}

describe.each(['nginx', 'haproxy', 'caddy'] as const)('While the server is away, %s', (kind) => {
  const isMissing = !isInstalled(kind) || !isInstalled('openssl');

  test.skipIf(isMissing)(
    `makes an EventSource reconnect until the server is back (needs ${kind} and openssl).`,
    async () => {
      const certificate = selfSigned();
      await using first = await ServerProcess.start();
      await using proxy = await RealProxy.start(kind, files[kind]({ url: first.url }, certificate));
      await using client = sourceVia(proxy, certificate);
      const { source, seen } = client;
      await first.untilSubscriptions(1);
      await first.append('account-1');
      await expect.poll(() => seen.pokes.length, patience).toBe(1);
      await first.kill();
      // The cut itself, then errors by the proxy alone.
      await expect.poll(() => seen.losses, patience).toBeGreaterThan(3);
      expect(source.readyState).toBe(source.CONNECTING);

      await using second = await ServerProcess.start(['--port', new URL(first.url).port]);
      await second.append('account-2');
      await expect.poll(() => seen.pokes.length, patience).toBe(2);
      expect([JSON.parse(seen.pokes[1]!).stream, seen.emptyEvents]).toEqual(['account-2', 0]);
    },
  );

  test.skipIf(isMissing)(`still answers everything else with a failure (needs ${kind} and openssl).`, async () => {
    const certificate = selfSigned();
    const server = await ServerProcess.start();
    await using proxy = await RealProxy.start(kind, files[kind]({ url: server.url }, certificate));
    await server.kill();
    const dispatcher = new Agent({ connect: { ca: certificate.cert } });
    const statusOf = async (path: string, accept: string) =>
      (await fetchBy(`https://localhost:${proxy.port}${path}`, { dispatcher, headers: { accept } })).status;
    expect([
      await statusOf('/subscribe?all=true', 'text/event-stream'),
      (await statusOf('/subscribe?all=true', '*/*')) >= 502,
      (await statusOf('/streams', 'text/event-stream')) >= 502,
    ]).toEqual([200, true, true]);
    await dispatcher.destroy();
  });
});
