import { afterAll, beforeAll, describe, test } from 'vitest';
import { isInstalled, type ProxyFiles, type ProxyKind, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import { idleTimeoutMs, subscribe } from './delivery.ts';
import {
  caddyTuned,
  haproxyDefault,
  haproxyTuned,
  nginxDefault,
  nginxTuned,
  selfSigned,
  type Upstream,
} from './documented.ts';
import type { ProxiedOptions } from './proxied-client.ts';

const hasTls = isInstalled('openssl');
const certificate = hasTls ? selfSigned() : { cert: '', key: '' };
const tls = { ca: certificate.cert };
const nginx = (upstream: Upstream) => nginxTuned(upstream, certificate);
const haproxy = (upstream: Upstream) => haproxyTuned(upstream, certificate);
const caddy = (upstream: Upstream) => caddyTuned(upstream, certificate);

type Setup = [name: string, kind: ProxyKind, files: (upstream: Upstream) => ProxyFiles, client: ProxiedOptions];

const setups: Setup[] = [
  ['nginx with its default configuration', 'nginx', nginxDefault, {}],
  ['nginx as documented, HTTP/1.1 and TLS', 'nginx', nginx, tls],
  ['nginx as documented, HTTP/2 and TLS', 'nginx', nginx, { ...tls, http2: true }],
  ['HAProxy with its default configuration', 'haproxy', haproxyDefault, {}],
  ['HAProxy as documented, HTTP/1.1 and TLS', 'haproxy', haproxy, tls],
  ['HAProxy as documented, HTTP/2 and TLS', 'haproxy', haproxy, { ...tls, http2: true }],
  ['Caddy as documented, HTTP/2 and TLS', 'caddy', caddy, { ...tls, http2: true }],
];

let silent: ServerProcess;
let beating: ServerProcess;
beforeAll(async () => {
  [silent, beating] = await Promise.all([
    ServerProcess.start(['--heartbeat-ms', '0']),
    ServerProcess.start(['--heartbeat-ms', '150']),
  ]);
});
afterAll(() => Promise.all([silent, beating].map((server) => server?.[Symbol.asyncDispose]())));

describe.concurrent('A silent stream is cut by the time-out of the proxy, and one with heartbeats outlives it', () => {
  for (const [name, kind, files, client] of setups) {
    const isPossible = isInstalled(kind) && (client.ca === undefined || hasTls);
    const needs = client.ca === undefined ? kind : `${kind} and openssl`;
    test.skipIf(!isPossible)(`behind ${name} (needs ${needs} on PATH)`, async ({ expect }) => {
      const idleTimeout = `${idleTimeoutMs}ms`;
      await using cutting = await RealProxy.start(kind, files({ url: silent.url, idleTimeout }));
      await using keeping = await RealProxy.start(kind, files({ url: beating.url, idleTimeout }));
      // Uses a separate stream, because the tests run concurrently against the same servers.
      const query = `stream=${encodeURIComponent(name)}`;
      await using cut = await subscribe(cutting, query, client);
      await using kept = await subscribe(keeping, query, client);
      const startMs = performance.now();
      await cut.ended;
      await kept.until(() => performance.now() - startMs > 2 * idleTimeoutMs);
      const position = await beating.append(encodeURIComponent(name));
      await kept.until(({ events }) => events.length === 1);
      expect(kept.ids).toEqual([position]);
      expect(cut.ids).toEqual([]);
    });
  }
});
