import { once } from 'node:events';
import { connect } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { maxTestStreams, maxTestStreamsOfNamespace } from '../../src/http/pages/test-streams.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

type Tick = { readonly number: number; readonly sentMs: number; readonly last?: true };

/** A test stream that would be silent for a quarter of an hour. */
function openSilent(app: TestApp, token?: string): Promise<SseClient> {
  const query = 'events=1&silentMs=900000';
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return SseClient.connect(app.port, `/diagnose/stream?${query}`, { headers });
}

test('A test stream has the requested events, reports when each was sent, and ends.', async () => {
  await using app = await startTestApp();
  await using stream = await SseClient.connect(app.port, '/diagnose/stream?events=3&everyMs=10&silentMs=30');
  await stream.closed;
  expect(new Set(stream.events.map(({ type }) => type))).toEqual(new Set(['tick']));
  const ticks: Tick[] = stream.events.map(({ data }) => JSON.parse(data));
  expect(ticks.map(({ number, last }) => [number, last])).toEqual([
    [1, undefined],
    [2, undefined],
    [3, undefined],
    [4, true],
  ]);
  for (const [n, least] of [0, 10, 20, 50].entries()) expect(ticks[n]!.sentMs).toBeGreaterThan(least - 2);
  expect(stream.bytes.toString()).toMatch(/^event: tick\ndata:\{"number":1,"sentMs":[\d.]+\}\n\n/);
});

test('A test stream has the head of a subscription, so that proxies treat both alike.', async () => {
  await using app = await startTestApp();
  await using stream = await openSilent(app);
  await using subscription = await SseClient.connect(app.port, '/subscribe?all=true');
  // All headers except who may read it.
  const cors = ({ 0: name }: [string, string]) => !name.startsWith('access-control-');
  expect([...stream.head.headers]).toEqual([...subscription.head.headers].filter(cors));
});

test.each(['events=101', 'everyMs=9', 'everyMs=1001', 'silentMs=900001', 'silentMs=-1', 'silentMs=1e3', 'other=1'])(
  'A test stream without a bound is refused: %s.',
  async (query) => {
    await using app = await startTestApp();
    expect(await app.get(`/diagnose/stream?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: 'INVALID_REQUEST' } },
    });
  },
);

test('Test streams are limited per namespace and in total, and one that ends makes way for another.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const tokens = [admin];
  for (const id of ['one', 'two']) {
    tokens.push((await app.namespaces.create({ id, description: '', token: undefined })).token);
  }
  const [first, second, third] = tokens as [string, string, string];
  await using streams = new AsyncDisposableStack();
  const open = async (token: string) => streams.use(await openSilent(app, token));
  const some = await Promise.all(Array.from({ length: maxTestStreamsOfNamespace }, () => open(first)));
  const refused = await open(first);
  expect([refused.head.status, Number(refused.head.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  const rest = maxTestStreams - maxTestStreamsOfNamespace;
  const others = await Promise.all(Array.from({ length: rest }, () => open(second)));
  expect(others.map(({ head }) => head.status)).toEqual(new Array(rest).fill(200));
  expect((await open(third)).head.status).toBe(429);
  some[0]!.destroy();
  await expect.poll(async () => (await open(third)).head.status).toBe(200);
});

test('A peer that leaves during the answer does not count against the limit.', async () => {
  await using app = await startTestApp();
  for (let gone = 0; gone < maxTestStreams; gone++) {
    const socket = connect(app.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /diagnose/stream?silentMs=900000 HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resetAndDestroy();
    await once(socket, 'close');
  }
  await expect
    .poll(async () => {
      await using stream = await openSilent(app);
      return stream.head.status;
    })
    .toBe(200);
});

test('Test streams end when the server stops, and do not delay that.', async () => {
  const app = await startTestApp();
  await using stream = await openSilent(app);
  await stream.waitFor(({ events }) => events.length === 1);
  await app.close();
  expect(await stream.closed).toBeUndefined();
  expect(stream.events).toHaveLength(1);
});

test('The server reports the request as it arrived: version, host, scheme, address, and headers added by proxies.', async () => {
  await using app = await startTestApp(['--trusted-proxies', '127.0.0.1', '--heartbeat-ms', '7000']);
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${app.url}/diagnose/connection`, { headers })).json();
  const host = new URL(app.url).host;
  const direct = { httpVersion: '1.1', host, scheme: 'http', heartbeatMs: 7_000 };
  expect(await ask({})).toEqual({ ...direct, address: '127.0.0.1', addressIsForwarded: false, proxyHeaders: [] });
  expect(await ask({ 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https', via: '1.1 x' })).toEqual({
    ...direct,
    scheme: 'https',
    address: '192.0.2.7',
    addressIsForwarded: true,
    proxyHeaders: ['via', 'x-forwarded-for', 'x-forwarded-proto'],
  });
});

test('An address forwarded by an untrusted proxy is ignored.', async () => {
  await using app = await startTestApp();
  const response = await fetch(`${app.url}/diagnose/connection`, { headers: { 'x-forwarded-for': '192.0.2.7' } });
  expect(await response.json()).toMatchObject({
    address: '127.0.0.1',
    addressIsForwarded: false,
    proxyHeaders: ['x-forwarded-for'],
  });
});

test('A peer that left before the answer has no address, which causes no error in the server.', async () => {
  const logged: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void logged.push(line) });
  await using app = await startTestApp([], { log });
  for (let gone = 0; gone < 5; gone++) {
    const socket = connect(app.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /diagnose/connection HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resetAndDestroy();
    await once(socket, 'close');
  }
  // This request is read after the others, so those are done.
  expect((await app.get('/diagnose/connection')).body.address).toBe('127.0.0.1');
  expect(logged).toEqual([]);
});

test('The diagnosis requires scope read, like the docs.', async () => {
  await using app = await startTestApp(['--token', admin]);
  for (const path of ['/diagnose', '/diagnose/page.js', '/diagnose/connection', '/diagnose/stream']) {
    expect([path, (await app.get(path)).status]).toEqual([path, 401]);
    const query = path.endsWith('stream') ? '?events=0&silentMs=0' : '';
    const allowed = await fetch(app.url + path + query, { headers: { authorization: `Bearer ${admin}` } });
    expect([path, allowed.status]).toEqual([path, 200]);
    await allowed.text();
  }
});
