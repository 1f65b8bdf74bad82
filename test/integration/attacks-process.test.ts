import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { SseClient } from '../support/sse-client.ts';

const poll = <T>(read: () => T) => expect.poll(read, { timeout: 50_000 });

test('The process logs no token, ticket or cookie, not even at the finest log level.', async () => {
  const admin = newToken('default');
  const forged = newToken('tenant');
  const metricsToken = 'scrape-5eed5eed5eed';
  await using server = new SpokenProcess([
    '--port',
    '0',
    '--token',
    admin,
    '--metrics-token',
    metricsToken,
    '--log-level',
    'trace',
  ]);
  const url = (await server.listening()).origin;
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, { redirect: 'manual', ...init });
    const text = await response.text();
    return { text, cookies: response.headers.getSetCookie() };
  };
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
  const body = '{"category":["a"]}';
  const { ticket } = JSON.parse((await ask('/subscribe/ticket', { method: 'POST', headers, body })).text);
  const { ticket: unused } = JSON.parse((await ask('/subscribe/ticket', { method: 'POST', headers, body })).text);
  const { cookies } = await ask('/session', { method: 'POST', headers });
  const cookie = cookies[0]!.split(';', 1)[0]!;
  await ask('/streams', { headers: { cookie } });
  await ask('/streams', { headers: { cookie: `pokewire=${forged}` } });
  for (const token of [admin, forged]) {
    for (const path of ['/streams', '/docs', '/nowhere', '/streams/%', '/metrics', '/subscribe', '/rpc', '/health']) {
      await ask(`${path}?token=${token}`);
      await ask(`${path}?ticket=${unused}&token=${token}&token=${token}`);
    }
    for (const path of [
      '/subscribe&token=',
      '/streams;token=',
      '/nowhere/',
      '/streams/%&ticket=',
      '/streams?prefix=',
    ]) {
      await ask(path + token, { headers: { 'x-request-id': token } });
    }
    await ask('/streams/a-1/messages', {
      method: 'POST',
      body: '{',
      headers: { ...headers, authorization: `Bearer ${token}` },
    });
    await ask(`/streams/a-1/messages?token=${token}`, {
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    });
  }
  await ask('/metrics', { headers: { authorization: `Bearer ${metricsToken}` } });
  const { port } = new URL(url);
  await using client = await SseClient.connect(Number(port), `/subscribe?category=a&ticket=${ticket}`);
  client.destroy();
  // Bytes that are not a request, and a request refused for its host, containing a token.
  for (const bytes of [
    `GET /streams?token=${admin} HTTP/9.9\r\nAuthorization: Bearer ${admin}\r\n\r\n`,
    `GET http://${admin}/streams;token=${admin} HTTP/1.1\r\nHost: ${admin} \r\nHost: b\r\n\r\n`,
  ]) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.end(bytes);
    socket.resume();
    await once(socket, 'close');
  }
  await poll(() => server.stdout).toContain('"unsubscribed"');
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(server.stdout).toContain('"path":"/nowhere"');
  for (const secret of [admin, forged, metricsToken, ticket, unused, admin.slice(-64), forged.slice(-64)]) {
    expect(server.said).not.toContain(secret);
  }
});

test('A token generated at the start is printed once, on standard error, and never logged.', async () => {
  await using server = new SpokenProcess(['--port', '0', '--auth', 'token']);
  const url = (await server.listening()).origin;
  await poll(() => server.stderr).toMatch(/ns_ZGVmYXVsdA_[0-9a-f]{64}/);
  const [token] = /ns_ZGVmYXVsdA_[0-9a-f]{64}/.exec(server.stderr)!;
  expect((await fetch(`${url}/streams?token=${token}`)).status).toBe(200);
  await poll(() => server.stdout).toContain('"path":"/streams"');
  expect(server.stdout).not.toContain(token);
  expect(server.stderr.split(token)).toHaveLength(2);
});

test.each([
  ['ns_ZGVmYXVsdA_0123456789abcdef', 'malformed'],
  [newToken('tenant'), 'must be one of namespace default'],
])('A start with a wrong token is refused by a sentence that does not repeat it.', async (token, sentence) => {
  await using server = new SpokenProcess(['--port', '0', '--token', token]);
  expect(await server.exit).toBe(2);
  expect(server.stderr).toContain(sentence);
  expect(server.said).not.toContain(token);
});

test('A killed server starts again on the same port at once, and its old tokens work if configured.', async () => {
  const admin = newToken('default');
  await using first = new SpokenProcess(['--port', '0', '--token', admin]);
  const url = (await first.listening()).origin;
  const { port } = new URL(url);
  await using client = await SseClient.subscribe(Number(port), `/subscribe?all=true&token=${admin}`);
  first.kill('SIGKILL');
  await first.exit;
  await client.closed;
  await using second = new SpokenProcess(['--port', port, '--token', admin]);
  expect((await second.listening()).origin).toBe(url);
  const cookie = `pokewire=${admin}`;
  expect((await fetch(`${url}/streams`, { headers: { cookie } })).status).toBe(200);
  expect((await fetch(`${url}/streams?token=${newToken('default')}`)).status).toBe(403);
});

test('An idle server stops at once, and its port is free.', async () => {
  await using server = new SpokenProcess(['--port', '0']);
  const url = (await server.listening()).origin;
  const { port } = new URL(url);
  // Kept alive by the client's pool.
  await (await fetch(`${url}/health`)).text();
  const startMs = performance.now();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  // A stop takes some 20 ms, and longer on a busy machine; waiting for a connection would take 10 s.
  expect(performance.now() - startMs).toBeLessThan(2_000);
  await using next = new SpokenProcess(['--port', port]);
  expect((await next.listening()).origin).toBe(url);
});
