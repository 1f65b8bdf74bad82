import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { isInstalled, type ProxyFiles, type ProxyKind, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import { nginxDefault } from './documented.ts';

const admin = newToken('default');
const reader = newToken('tenant');
const json = { 'content-type': 'application/json' };

type Answer = { readonly status: number; readonly text: string };

/** Requests the path with this token, or none. */
async function ask(url: string, path: string, token?: string): Promise<Answer> {
  const response = await fetch(url + path, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  return { status: response.status, text: await response.text() };
}

async function append(server: ServerProcess, token: string): Promise<void> {
  const headers = { ...json, authorization: `Bearer ${token}` };
  const init = { method: 'POST', headers, body: '{"type":"T","data":{}}' };
  expect((await fetch(`${server.url}/streams/secret-1/messages`, init)).status).toBe(201);
}

/** Answers that no cache in front of a server may store, however eager it is. */
function keepsNothing(open: (url: string) => Promise<{ url: string } & AsyncDisposable>): void {
  test('returns the answer of one tenant neither to another one nor to a client without a token.', async () => {
    await using server = await ServerProcess.start(['--token', admin]);
    const rpc = { method: 'POST', headers: { ...json, authorization: `Bearer ${admin}` } };
    await fetch(`${server.url}/rpc`, { ...rpc, body: JSON.stringify(['ns.create', 'tenant', { token: reader }]) });
    await append(server, admin);
    await using cache = await open(server.url);
    for (const path of ['/streams', '/streams/secret-1/messages', '/categories', '/metrics', '/export']) {
      expect([path, (await ask(cache.url, path, admin)).status]).toEqual([path, 200]);
      const others = await ask(cache.url, path, reader);
      expect(others.text).not.toContain('secret-1');
      expect([path, (await ask(cache.url, path)).status]).toEqual([path, 401]);
    }
  });

  test('returns written data for a read that follows a write.', async () => {
    await using server = await ServerProcess.start();
    await using cache = await open(server.url);
    expect((await ask(cache.url, '/streams/read-1/messages')).text).toBe('[]');
    await server.append('read-1');
    expect(JSON.parse((await ask(cache.url, '/streams/read-1/messages')).text)).toHaveLength(1);
    expect((await ask(cache.url, '/metrics')).text).not.toBe((await ask(cache.url, '/metrics')).text);
  });
}

/** A cache in front, for {@link keepsNothing}. */
async function openCache(kind: ProxyKind, files: ProxyFiles) {
  const proxy = await RealProxy.start(kind, files);
  return {
    url: `http://127.0.0.1:${proxy.port}`,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

describe.skipIf(!isInstalled('nginx'))('nginx with proxy_cache (needs nginx on PATH)', () => {
  keepsNothing((url) => {
    const more =
      'proxy_cache_path kept keys_zone=kept:1m; proxy_cache kept; proxy_cache_valid any 10m; proxy_cache_key $uri$is_args$args;';
    return openCache('nginx', nginxDefault({ url, more }));
  });
});

describe.skipIf(!isInstalled('varnishd'))('Varnish that looks up all it can (needs varnishd on PATH)', () => {
  keepsNothing((url) => {
    const { hostname, port } = new URL(url);
    // By default it does not cache requests with credentials.
    const vcl = `vcl 4.1;
      backend default { .host = "${hostname}"; .port = "${port}"; }
      sub vcl_recv { if (req.method == "GET") { return (hash); } }`;
    return openCache('varnishd', { config: () => vcl });
  });
});
