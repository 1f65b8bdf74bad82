import { expect, test } from 'vitest';
import { type ProxyFiles, type ProxyKind, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Upstream } from './documented.ts';
import { ProxiedClient } from './proxied-client.ts';

type Documented = {
  readonly kind: ProxyKind;
  readonly files: (upstream: Upstream) => ProxyFiles;
  readonly ca: string;
};

/** Status of another subscription, which stays open. */
type Subscribe = (localAddress: string, forwardedFor?: string) => Promise<number>;

/** How limits per address count behind the documented proxies. Needs several loopback addresses. */
export function knowsAddresses({ kind, files, ca }: Documented): void {
  const flags = ['--max-subscriptions-per-address', '1'];

  const through = async (serverFlags: readonly string[], check: (subscribe: Subscribe) => Promise<void>) => {
    await using server = await ServerProcess.start(serverFlags);
    await using proxy = await RealProxy.start(kind, files({ url: server.url }));
    await using open = new AsyncDisposableStack();
    await check(async (localAddress, forwardedFor) => {
      // With `text/event-stream`, errors would be sent as streams too.
      const headers = { accept: '*/*', ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }) };
      const subscribe = `https://127.0.0.1:${proxy.port}/subscribe?all=true`;
      const subscriber = open.use(await ProxiedClient.connect(subscribe, { ca, localAddress, headers }));
      return subscriber.status;
    });
  };

  test.skipIf(process.platform !== 'linux')(
    'is trusted to say where a subscriber comes from, and a subscriber is not',
    async () => {
      await through([...flags, '--trusted-proxies', '127.0.0.1'], async (subscribe) => {
        expect(await subscribe('127.0.0.2')).toBe(200);
        expect(await subscribe('127.0.0.2')).toBe(503);
        expect(await subscribe('127.0.0.2', '192.0.2.7')).toBe(503);
        expect(await subscribe('127.0.0.3')).toBe(200);
      });
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'is the one address of all its subscribers when it is not trusted',
    async () => {
      await through(flags, async (subscribe) => {
        expect(await subscribe('127.0.0.2')).toBe(200);
        expect(await subscribe('127.0.0.3')).toBe(503);
      });
    },
  );
}
