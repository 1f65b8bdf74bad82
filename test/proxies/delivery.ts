import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProxyFiles, type ProxyKind, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Upstream } from './documented.ts';
import { ProxiedClient, type ProxiedOptions } from './proxied-client.ts';

/** The proxies of these tests cut a stream after this much silence. */
export const idleTimeoutMs = 1_500;

export type Delivery = {
  readonly kind: ProxyKind;
  readonly files: (upstream: Upstream) => ProxyFiles;
  /** How subscribers connect to the proxy. */
  readonly client?: ProxiedOptions;
  /** Whether the proxy detects only when it sends that a subscriber has left. */
  readonly noticesByHeartbeats?: boolean;
};

/** Subscribes through the proxy; resolves when the greeting has arrived. */
export async function subscribe(
  { port }: RealProxy,
  query: string,
  { headers, ...client }: ProxiedOptions = {},
): Promise<ProxiedClient> {
  const scheme = client.ca === undefined ? 'http' : 'https';
  const url = `${scheme}://127.0.0.1:${port}/subscribe?${query}`;
  const subscriber = await ProxiedClient.connect(url, { ...client, ...(headers && { headers }) });
  await subscriber.untilReady();
  return subscriber;
}

/** Behaviour required of every documented proxy. */
export function delivers({ kind, files, client = {}, noticesByHeartbeats = false }: Delivery): void {
  let server: ServerProcess;
  // Without heartbeats only pokes use a stream, so nothing else pushes a poke out of a buffer.
  beforeAll(async () => {
    server = await ServerProcess.start(['--heartbeat-ms', '0']);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('each poke arrives before the next message is appended, starting with the single one after the greeting', async () => {
    await using proxy = await RealProxy.start(kind, files({ url: server.url }));
    await using subscriber = await subscribe(proxy, 'category=each', client);
    for (let sent = 1; sent <= 20; sent++) {
      const position = await server.append('each-1');
      await subscriber.until(({ events }) => events.length >= sent);
      expect(subscriber.ids.at(-1)).toBe(position);
    }
  });

  test('a subscriber that the proxy disconnected resumes after the last poke it received, without a gap', async () => {
    await using proxy = await RealProxy.start(kind, files({ url: server.url }));
    await using before = await subscribe(proxy, 'category=resumed', client);
    const told = await server.append('resumed-1');
    await before.until(({ events }) => events.length === 1);
    await proxy.restart();
    await before.ended;
    const missed = [await server.append('resumed-1'), await server.append('resumed-2')];
    await using after = await subscribe(proxy, 'category=resumed', {
      ...client,
      headers: { 'last-event-id': String(told) },
    });
    await after.until(({ events }) => events.length >= 2);
    expect(before.ids).toEqual([told]);
    expect(after.ids).toEqual(missed);
  });

  test('the server notices through the proxy that a subscriber disconnected', async () => {
    await using asked = await ServerProcess.start(['--heartbeat-ms', noticesByHeartbeats ? '150' : '0']);
    await using proxy = await RealProxy.start(kind, files({ url: asked.url }));
    await using subscriber = await subscribe(proxy, 'category=away', client);
    await asked.untilSubscriptions(1);
    await subscriber.close();
    await asked.untilSubscriptions(0);
  });
}
