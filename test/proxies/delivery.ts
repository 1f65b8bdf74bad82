import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProxiedClient, type ProxiedOptions } from '../support/proxied-client.ts';
import { type ProxyFiles, type ProxyKind, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Upstream } from './documented.ts';

/** After so much silence the proxies of these tests cut a stream. */
export const idleTimeoutMs = 1_500;

export type Delivery = {
  readonly kind: ProxyKind;
  readonly files: (upstream: Upstream) => ProxyFiles;
  /** How subscribers reach the proxy. */
  readonly client?: ProxiedOptions;
  /** The proxy passes on that a subscriber went away only when it is to send something to them. */
  readonly noticesAtNextBytes?: boolean;
};

/** What must hold through every proxy that the guide shows. */
export function delivers({ kind, files, client = {}, noticesAtNextBytes = false }: Delivery): void {
  const scheme = client.ca === undefined ? 'http' : 'https';
  let silent: ServerProcess;
  let beating: ServerProcess;
  // Nothing but pokes goes over the streams of the first, so nothing pushes a poke out of a buffer.
  beforeAll(async () => {
    [silent, beating] = await Promise.all([
      ServerProcess.start(['--heartbeat-ms', '0']),
      ServerProcess.start(['--heartbeat-ms', '150']),
    ]);
  });
  afterAll(() => Promise.all([silent, beating].map((server) => server?.[Symbol.asyncDispose]())));

  const subscribe = async ({ port }: RealProxy, query: string, headers: Record<string, string> = {}) => {
    const url = `${scheme}://127.0.0.1:${port}/subscribe?${query}`;
    const subscriber = await ProxiedClient.connect(url, { ...client, headers });
    await subscriber.untilReady();
    return subscriber;
  };

  test('each poke arrives before the next message is appended, the lone one behind the greeting first', async () => {
    await using proxy = await RealProxy.start(kind, files({ url: silent.url }));
    await using subscriber = await subscribe(proxy, 'category=each');
    for (let sent = 1; sent <= 20; sent++) {
      const position = await silent.append('each-1');
      await subscriber.until(({ events }) => events.length >= sent);
      expect(subscriber.ids.at(-1)).toBe(position);
    }
  });

  test('a subscriber that the proxy dropped resumes behind what it was told, without a gap', async () => {
    await using proxy = await RealProxy.start(kind, files({ url: silent.url }));
    await using before = await subscribe(proxy, 'category=resumed');
    const told = await silent.append('resumed-1');
    await before.until(({ events }) => events.length === 1);
    await proxy.restart();
    await before.ended;
    const missed = [await silent.append('resumed-1'), await silent.append('resumed-2')];
    await using after = await subscribe(proxy, 'category=resumed', { 'last-event-id': String(told) });
    await after.until(({ events }) => events.length >= 2);
    expect(before.ids).toEqual([told]);
    expect(after.ids).toEqual(missed);
  });

  test('a silent stream is cut by the time-out of the proxy, and one with heartbeats outlives it', async () => {
    await using cutting = await RealProxy.start(kind, files({ url: silent.url, idleTimeout: `${idleTimeoutMs}ms` }));
    await using keeping = await RealProxy.start(kind, files({ url: beating.url, idleTimeout: `${idleTimeoutMs}ms` }));
    await using cut = await subscribe(cutting, 'category=idle');
    await using kept = await subscribe(keeping, 'category=idle');
    const startMs = performance.now();
    await cut.ended;
    await kept.until(() => performance.now() - startMs > 2 * idleTimeoutMs);
    const position = await beating.append('idle-1');
    await kept.until(({ events }) => events.length === 1);
    expect(kept.ids).toEqual([position]);
    expect(cut.ids).toEqual([]);
  });

  test('the server notices through the proxy that a subscriber went away', async () => {
    const server = noticesAtNextBytes ? beating : silent;
    await using proxy = await RealProxy.start(kind, files({ url: server.url }));
    await using subscriber = await subscribe(proxy, 'category=away');
    await server.untilSubscriptions(1);
    await subscriber.close();
    await server.untilSubscriptions(0);
  });
}
