import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { networkOf, Places } from '../../src/admission/places.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const message = { type: 'T', data: {} };
const idle = { refuseSubscription: () => {} };

async function open(
  app: TestApp,
  path = '/subscribe?all=true',
  headers: Record<string, string> = {},
  accept = 'text/event-stream',
) {
  const client = await SseClient.connect(app.port, path, { headers, accept });
  if (client.head.status === 200) await client.waitFor(({ comments }) => comments.includes(' ready'));
  return client;
}

/** Sends raw bytes and resolves to everything received until the server closes. */
async function sendRaw(port: number, begin: (socket: Socket) => void): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    received += piece;
  });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  begin(socket);
  await closed;
  return received;
}

function secondsToWait(headers: Headers): number {
  const text = headers.get('retry-after') ?? '';
  expect(text).toMatch(/^\d+$/);
  return Number(text);
}

test('Subscriptions beyond the limit are refused with a time to retry; open ones stay.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '2']);
  await using first = await open(app);
  await using second = await open(app);
  const refused = await app.get('/subscribe?all=true');
  expect([refused.status, refused.body.error.code]).toEqual([503, 'TOO_MANY_SUBSCRIPTIONS']);
  expect(refused.body.error.details).toEqual({ maxSubscriptions: 2 });
  const seconds = secondsToWait(refused.headers);
  expect([seconds >= 5, seconds <= 15]).toEqual([true, true]);
  expect((await app.get('/metrics')).text).toContain('pokewire_subscriptions_refused_total{reason="no-place"} 1');
  await app.append('a-1', message);
  await Promise.all([first.waitForPokes(1), second.waitForPokes(1)]);
});

test('The retry times differ, so that clients that were refused together do not retry together.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1']);
  await using _client = await open(app);
  const answers = await Promise.all(Array.from({ length: 40 }, () => app.get('/subscribe?all=true')));
  expect(new Set(answers.map(({ headers }) => headers.get('retry-after'))).size).toBeGreaterThan(2);
});

test('A quota is released when a subscription ends, and a refused request takes none.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1']);
  for (let turn = 0; turn < 3; turn++) {
    expect((await app.get('/subscribe')).status).toBe(400);
    await using client = await open(app);
    expect(client.head.status).toBe(200);
    client.destroy();
    await expect.poll(() => app.hub.subscriptions.size).toBe(0);
  }
});

test('No number of simultaneous requests exceeds a limit.', async () => {
  await using app = await startTestApp(['--max-subscriptions-per-address', '5']);
  const clients = await Promise.all(Array.from({ length: 30 }, () => open(app, undefined, {}, '*/*')));
  expect(clients.filter(({ head }) => head.status === 200)).toHaveLength(5);
  expect(app.hub.subscriptions.size).toBe(5);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

test('One namespace cannot take the quota of another.', async () => {
  await using app = await startTestApp(['--test-mode', '--max-subscriptions-per-namespace', '1']);
  const [one, two] = [newToken('one'), newToken('two')];
  for (const [id, token] of [
    ['one', one],
    ['two', two],
  ] as const) {
    await app.namespaces.create({ id, description: '', token });
  }
  await using _first = await open(app, `/subscribe?all=true&token=${one}`);
  const refused = await app.get(`/subscribe?all=true&token=${one}`);
  expect([refused.status, refused.body.error.details]).toEqual([503, { maxSubscriptionsPerNamespace: 1 }]);
  await using second = await open(app, `/subscribe?all=true&token=${two}`);
  expect(second.head.status).toBe(200);
});

test('The address is that of the peer, whatever its headers claim, unless it is a trusted proxy.', async () => {
  const from = (address: string) => ({ 'x-forwarded-for': address });
  await using bare = await startTestApp(['--max-subscriptions-per-address', '1']);
  await using _first = await open(bare, '/subscribe?all=true', from('192.0.2.1'));
  await using lying = await open(bare, '/subscribe?all=true', from('192.0.2.2'), '*/*');
  expect(lying.head.status).toBe(503);
  expect(lying.head.headers.get('retry-after')).toMatch(/^\d+$/);

  await using proxied = await startTestApp(['--max-subscriptions-per-address', '1', '--trusted-proxies', 'loopback']);
  await using _one = await open(proxied, '/subscribe?all=true', from('192.0.2.1'));
  await using other = await open(proxied, '/subscribe?all=true', from('192.0.2.2'));
  await using again = await open(proxied, '/subscribe?all=true', from('192.0.2.1'), '*/*');
  // Entries before the proxy's own were sent by the peer.
  await using forged = await open(proxied, '/subscribe?all=true', from('203.0.113.9, 192.0.2.1'), '*/*');
  expect([other, again, forged].map(({ head }) => head.status)).toEqual([200, 503, 503]);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('The address %s counts as %s.', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('Released quotas leave nothing in memory.', () => {
  const places = new Places(
    { maxSubscriptions: 10, maxSubscriptionsPerNamespace: 1, maxSubscriptionsPerAddress: 1 },
    idle,
  );
  for (let n = 0; n < 100; n++) {
    const holder = { namespaceId: 'a', tokenId: undefined, address: '127.0.0.1' };
    places.take(holder);
    expect(() => places.take(holder)).toThrow('All 1 subscriptions');
    places.release(holder);
  }
  expect(places.taken).toBe(0);
});

test('Selectors beyond the limit are refused, in the query and in the body of a ticket.', async () => {
  await using app = await startTestApp(['--max-selectors', '2']);
  const { status, body } = await app.get('/subscribe?category=a&category=b&stream=c');
  expect([status, body.error.code]).toEqual([400, 'INVALID_REQUEST']);
  const response = await fetch(`${app.url}/subscribe/ticket`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ stream: ['a', 'b', 'c'] }),
  });
  expect(response.status).toBe(400);
});

test('Appends beyond the rate of their namespace are refused with a retry time, and store nothing.', async () => {
  await using app = await startTestApp(['--test-mode', '--max-appends-per-second', '3']);
  const answers = await Promise.all(Array.from({ length: 12 }, () => app.append('a-1', message)));
  const refused = answers.filter(({ status }) => status === 429);
  // A window may have ended in between.
  expect(refused.length).toBeGreaterThanOrEqual(6);
  for (const { body, headers } of refused) {
    expect(body.error).toMatchObject({ code: 'RATE_LIMITED', details: { maxAppendsPerSecond: 3 } });
    const seconds = secondsToWait(headers);
    expect([seconds >= 1, seconds <= 3]).toEqual([true, true]);
  }
  const stored = answers.filter(({ status }) => status === 201).length;
  expect((await app.get('/streams/a-1')).body.messageCount).toBe(stored);
  // Other namespaces have their own rate, and reads have none.
  expect((await app.append('a-1', message, `token=${newToken('other')}`)).status).toBe(201);
});

test('A method of /rpc that appends counts with the other appends.', async () => {
  await using app = await startTestApp(['--max-appends-per-second', '1']);
  const call = () => fetch(`${app.url}/rpc`, { method: 'POST', body: '["stream.write","a-1",{"type":"T","data":{}}]' });
  const answers = await Promise.all([...Array.from({ length: 5 }, call), app.append('a-1', message)]);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(4);
  for (const { headers } of refused) expect(secondsToWait(headers)).toBeGreaterThanOrEqual(1);
});

test('Without a rate limit any number of appends is accepted.', async () => {
  await using app = await startTestApp();
  const answers = await Promise.all(Array.from({ length: 50 }, () => app.append('a-1', message)));
  expect(answers.every(({ status }) => status === 201)).toBe(true);
});

test('A head beyond its limit gets 431, a body beyond its limit 413.', async () => {
  await using app = await startTestApp(['--header-limit-bytes', '2048', '--body-limit-bytes', '1024']);
  const head = `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(3_000)}\r\n\r\n`;
  expect(await sendRaw(app.port, (socket) => socket.write(head))).toMatch(/^HTTP\/1\.1 431 [\s\S]*"HEADERS_TOO_LARGE"/);
  const { status, body } = await app.append('a-1', { type: 'T', data: { text: 'x'.repeat(1_024) } });
  expect([status, body.error.code, body.error.details]).toEqual([413, 'BODY_TOO_LARGE', { bodyLimitBytes: 1_024 }]);
});

test('A body without a length is cut off at the limit.', async () => {
  await using app = await startTestApp(['--body-limit-bytes', '1024']);
  const answer = await sendRaw(app.port, (socket) => {
    socket.on('error', () => {});
    socket.write(
      'POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
    );
    for (let piece = 0; piece < 4; piece++) socket.write(`200\r\n${' '.repeat(512)}\r\n`);
  });
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
});

test.each([
  ['a silent connection', ''],
  ['a head that does not end', 'GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: '],
  [
    'a body that does not end',
    'POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
  ],
])('The server does not wait forever for %s.', async (_what, text) => {
  await using app = await startTestApp(['--request-timeout-ms', '200']);
  const answer = await sendRaw(app.port, (socket) => {
    if (text !== '') socket.write(text);
  });
  expect(answer).toMatch(/^(|HTTP\/1\.1 408 [\s\S]*"REQUEST_TIMEOUT"[\s\S]*)$/);
});

test('A head that arrives byte by byte has the same deadline as one that stops.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '200']);
  let drip: NodeJS.Timeout | undefined;
  const answer = await sendRaw(app.port, (socket) => {
    socket.on('error', () => {});
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    drip = setInterval(() => socket.write('x'), 20);
  });
  clearInterval(drip);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
});

test('The time for requests does not end subscriptions.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '100']);
  await using client = await open(app);
  // By then a late request has been detected twice.
  await sendRaw(app.port, (socket) => socket.write('GET'));
  await sendRaw(app.port, (socket) => socket.write('GET'));
  await app.append('a-1', message);
  await client.waitForPokes(1);
});
