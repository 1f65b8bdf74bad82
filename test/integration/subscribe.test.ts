import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { withoutTags } from '../support/cursors.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

// The test's own time-out is the limit.
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 50_000 });

const message = { type: 'Happened', data: {} };

async function appendMany(app: TestApp, ...streams: string[]): Promise<void> {
  for (const stream of streams) expect((await app.append(stream, message)).status).toBe(201);
}

/** A raw connection, the data received, and when it was closed. */
function rawSocket(app: TestApp) {
  const socket = connect(app.port, '127.0.0.1');
  const pieces: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => pieces.push(bytes));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  return { socket, closed, received: () => Buffer.concat(pieces).toString() };
}

/** Global positions that a subscription with this query receives, up to a message appended meanwhile. */
async function toldUpToMarker(app: TestApp, query: string, marker: string, headers = {}): Promise<number[]> {
  await using client = await SseClient.subscribe(app.port, `/subscribe?${query}`, { headers });
  const { body } = await app.append(marker, message);
  await client.waitFor(({ pokes }) => pokes.some(({ globalPosition }) => globalPosition === body.globalPosition));
  return client.pokes.map(({ globalPosition }) => globalPosition);
}

test('A subscription is answered at once with the head, the ready comment and a retry, then with frames, byte for byte.', async () => {
  await using app = await startTestApp(['--retry-min-ms', '1234', '--retry-max-ms', '1234', '--heartbeat-ms', '0']);
  await using client = await SseClient.connect(app.port, '/subscribe?stream=account-123');
  await client.waitFor(({ retry }) => retry !== undefined);
  await app.append('account-123', message);
  await client.waitForPokes(1);

  expect(client.head.statusLine).toBe('HTTP/1.1 200 OK');
  expect(Object.fromEntries(client.head.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-store, no-transform',
    'x-accel-buffering': 'no',
    'access-control-allow-origin': '*',
    'transfer-encoding': 'chunked',
    connection: 'keep-alive',
    'keep-alive': 'timeout=1',
    date: expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/),
  });
  expect(withoutTags(client)).toBe(
    ': ready\n\nretry: 1234\n' +
      'event: poke\ndata: {"stream":"account-123","position":0,"globalPosition":1}\nid: 1\n\n',
  );
});

test('The retry of each connection lies between the configured bounds, and they differ.', async () => {
  await using app = await startTestApp();
  const retries = new Set<number>();
  for (let n = 0; n < 12; n++) {
    await using client = await SseClient.connect(app.port, '/subscribe?all=true');
    await client.waitFor(({ retry }) => retry !== undefined);
    retries.add(client.retry!);
  }
  expect([...retries].every((retry) => retry >= 2_000 && retry <= 5_000)).toBe(true);
  expect(retries.size).toBeGreaterThan(1);
});

test('HEAD returns the headers of the stream and ends.', async () => {
  await using app = await startTestApp();
  const response = await fetch(`${app.url}/subscribe?all=true`, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(await response.text()).toBe('');
  expect(app.hub.subscriptions.size).toBe(0);
});

test('A stream begins at a stream position, inclusive.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'a-2', 'a-1', 'a-1');
  expect(await toldUpToMarker(app, 'stream=a-1', 'a-1')).toEqual([1, 3, 4, 5]);
  expect(await toldUpToMarker(app, 'stream=a-1&position=2', 'a-1')).toEqual([4, 5, 6]);
});

test('A stream whose starting position is beyond its end stays silent until the position is reached.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1');
  await using client = await SseClient.subscribe(app.port, '/subscribe?stream=a-1&position=3');
  await appendMany(app, 'a-1', 'a-1', 'a-1', 'a-1');
  await client.waitForPokes(2);
  expect(client.pokes.map(({ position }) => position)).toEqual([3, 4]);
});

test('A category begins at a global position, inclusive, and stays silent until a position above the head is reached.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'b-1', 'a-2', 'a-3');
  expect(await toldUpToMarker(app, 'category=a', 'a-1')).toEqual([1, 3, 4, 5]);
  expect(await toldUpToMarker(app, 'category=a&position=3', 'a-1')).toEqual([3, 4, 5, 6]);
  await using client = await SseClient.subscribe(app.port, '/subscribe?category=a&position=9');
  await appendMany(app, 'a-1', 'a-1', 'a-1', 'a-1');
  await client.waitForPokes(2);
  expect(client.pokes.map(({ globalPosition }) => globalPosition)).toEqual([9, 10]);
});

test('`all` is not replayed, and starts at the given global position.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'b-1', 'c');
  expect(await toldUpToMarker(app, 'all=true', 'd-1')).toEqual([4]);
  expect(await toldUpToMarker(app, 'all=true&position=1', 'd-1')).toEqual([5]);
  await using client = await SseClient.subscribe(app.port, '/subscribe?all=true&position=7');
  await appendMany(app, 'a-1', 'a-1', 'a-1');
  await client.waitForPokes(2);
  expect(client.pokes.map(({ globalPosition }) => globalPosition)).toEqual([7, 8]);
});

test('Last-Event-ID resumes after that global position for every kind, and takes precedence over position.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'b-1', 'a-1', 'a-2');
  const resume = { 'Last-Event-ID': '2' };
  expect(await toldUpToMarker(app, 'all=true', 'a-1', resume)).toEqual([3, 4, 5]);
  expect(await toldUpToMarker(app, 'stream=a-1&position=2', 'a-1', resume)).toEqual([3, 5, 6]);
  expect(await toldUpToMarker(app, 'category=a&position=6', 'a-1', resume)).toEqual([3, 4, 5, 6, 7]);
  expect(await toldUpToMarker(app, 'stream=a-1&category=b', 'b-1', resume)).toEqual([3, 5, 6, 7, 8]);
  expect(await toldUpToMarker(app, 'all=true&lastEventId=7', 'a-1')).toEqual([8, 9]);
});

test('A Last-Event-ID above the head, as after a restart, receives the whole log.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'b-1');
  expect(await toldUpToMarker(app, 'all=true', 'a-1', { 'Last-Event-ID': '500' })).toEqual([1, 2, 3]);
  expect(await toldUpToMarker(app, 'category=a', 'a-1', { 'Last-Event-ID': '500' })).toEqual([1, 3, 4]);
});

test('A message that several selectors match is delivered once.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'b-1', 'c-1', 'a-2');
  const query = 'stream=a-1&category=a&category=b&stream=a-1&stream=b-1';
  expect(await toldUpToMarker(app, query, 'a-1')).toEqual([1, 2, 4, 5]);
});

test('The members of a group receive disjoint parts that make up the category, under either name of the parameters.', async () => {
  await using app = await startTestApp();
  const streams = [...Array.from({ length: 40 }, (_, n) => `account-${n}`), 'account-', 'account-+x'];
  await appendMany(app, ...streams, 'account');
  const parts: number[][] = [];
  for (const query of ['consumer=0&size=3', 'consumerGroupMember=1&consumerGroupSize=3', 'consumer=2&size=3']) {
    await using client = await SseClient.connect(app.port, `/subscribe?category=account&${query}`);
    const member = parts.length;
    const { body } = await app.get(`/categories/account/messages?consumer=${member}&size=3`);
    await client.waitForPokes(body.length);
    parts.push(client.pokes.map(({ globalPosition }) => globalPosition));
  }
  expect(parts.flat().sort((a, b) => a - b)).toEqual(streams.map((_, n) => n + 1));
});

test('A size alone means member 0, and both at 0 mean no group.', async () => {
  await using app = await startTestApp();
  // Cardinal ids 1 and 3 belong to member 0 of 2, 2 to member 1.
  await appendMany(app, 'x-1', 'x-2', 'x-3');
  expect(await toldUpToMarker(app, 'category=x&size=2', 'x-1')).toEqual([1, 3, 4]);
  expect(await toldUpToMarker(app, 'category=x&consumer=0&size=0', 'x-2')).toEqual([1, 2, 3, 4, 5]);
});

test.each([
  ['', 'stream is missing: name a stream, a category, or all=true'],
  ['all=false', 'stream is missing: name a stream, a category, or all=true'],
  ['stream=', 'stream is missing: name a stream, a category, or all=true'],
  ['all=true&stream=a', 'all cannot be combined'],
  ['all=true&category=a', 'all cannot be combined'],
  ['stream=a&position=x', 'position must be an integer'],
  ['stream=a&position=1.5', 'position must be an integer'],
  ['stream=a&position=-1', 'position must be >= 0'],
  ['stream=a&position=1&position=2', 'position must be given once'],
  ['category=a&consumer=1', 'size is missing'],
  ['category=a&consumer=2&size=2', 'consumer must be less than size'],
  ['category=a&consumer=-1&size=2', 'consumer must be >= 0'],
  ['category=a&consumerGroupMember=3&consumerGroupSize=2', 'consumer must be less than size'],
  ['stream=a&consumer=0&size=2', 'consumer partitions categories'],
  ['all=true&consumer=0&size=2', 'consumer partitions categories'],
  ['category=a&stream=b&consumer=0&size=2', 'consumer partitions categories'],
  ['category=a&nonsense=1', 'nonsense is not a query parameter here'],
  ['stream=a%00b', 'stream must not contain control characters'],
  [`stream=${'x'.repeat(1_025)}`, 'stream must be at most 1024 bytes'],
  ['all=1', 'all must be true or false'],
  ['all=TRUE', 'all must be true or false'],
  ['all=yes&stream=a', 'all must be true or false'],
  ['all=true&all=true', 'all must be given once'],
  ['category=account-123', 'category cannot contain a hyphen: name the stream with stream='],
  ['category=account-123', 'the first hyphen, "account"'],
  ['stream=a-1&category=b&category=-', 'category cannot contain a hyphen'],
  ['stream=a&size=2', 'consumer partitions categories'],
  ['all=true&size=2', 'consumer partitions categories'],
  ['category=a&size=2&consumerGroupSize=3', 'size is given twice'],
  ['category=a&size=2&consumer=0&consumerGroupMember=1', 'consumer is given twice'],
  ['stream=a&heartbeatMs=999', 'heartbeatMs must be >= 1000'],
  ['stream=a&heartbeatMs=60001', 'heartbeatMs must be <= 60000'],
])('The query "%s" is refused with a sentence that names the field.', async (query, sentence) => {
  await using app = await startTestApp();
  const { status, body } = await app.get(`/subscribe?${query}`);
  expect(status).toBe(400);
  expect(body.error.code).toBe('INVALID_REQUEST');
  expect(body.error.message).toContain(sentence);
  expect(app.hub.subscriptions.size).toBe(0);
});

test('100 selectors are accepted, 101 are refused.', async () => {
  await using app = await startTestApp();
  const selectors = (count: number) => Array.from({ length: count }, (_, n) => `stream=a-${n}`).join('&');
  await using client = await SseClient.connect(app.port, `/subscribe?${selectors(100)}`);
  expect(client.head.status).toBe(200);
  expect((await app.get(`/subscribe?${selectors(101)}`)).body.error.message).toContain('100');
});

test('Beyond the configured number subscriptions are refused, and the open ones stay.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1']);
  await using first = await SseClient.subscribe(app.port, '/subscribe?all=true');
  const { status, body } = await app.get('/subscribe?all=true');
  expect(status).toBe(503);
  expect(body.error.code).toBe('TOO_MANY_SUBSCRIPTIONS');
  await appendMany(app, 'a-1');
  await first.waitForPokes(1);
});

test('Heartbeats are separate comments between complete pokes.', async () => {
  await using app = await startTestApp(['--heartbeat-ms', '30']);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  await client.waitFor(({ comments }) => comments.filter((comment) => comment === '').length >= 2);
  await appendMany(app, 'a-1');
  await client.waitForPokes(1);
  const count = client.comments.length;
  await client.waitFor(({ comments }) => comments.length > count);
  expect(withoutTags(client).replaceAll(/^:\n/gm, '')).toMatch(/^: ready\n\nretry: \d+\nevent: poke\n.*\nid: 1\n\n$/);
});

test('A subscriber gets heartbeats in the period it requests, even if the server has none.', async () => {
  await using app = await startTestApp(['--heartbeat-ms', '0']);
  const beatsIn = ({ comments }: SseClient) => comments.filter((comment) => comment === '').length;
  await using own = await SseClient.connect(app.port, '/subscribe?category=a&heartbeatMs=1999');
  // Three times as long, which holds on a slow machine, too.
  await using slow = await SseClient.connect(app.port, '/subscribe?category=a&heartbeatMs=5999');
  await using silent = await SseClient.connect(app.port, '/subscribe?category=a');
  await own.waitFor(() => beatsIn(own) >= 2, 'two heartbeats');
  expect([beatsIn(slow), beatsIn(silent)]).toEqual([0, 0]);
});

test('A subscriber that reads nothing for the stall time-out is disconnected, and counted with the reason.', async () => {
  await using app = await startTestApp(['--stall-timeout-ms', '1']);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  client.pause();
  const messages = new Array(10_000).fill(message);
  while ([...app.hub.subscriptions].some(({ state }) => state.name !== 'lagging')) await app.append('a-1', messages);
  await poll(() => app.hub.subscriptions.size).toBe(0);
  expect((await app.get('/metrics')).text).toContain('pokewire_subscriptions_closed_total{reason="stalled"} 1');
});

test('A peer that disconnects ends its subscription.', async () => {
  await using app = await startTestApp();
  const client = await SseClient.connect(app.port, '/subscribe?category=a');
  await poll(() => app.hub.subscriptions.size).toBe(1);
  client.destroy();
  await poll(() => app.hub.subscriptions.size).toBe(0);
});

test('A subscriber that sends another request on its connection is disconnected, and the request is not processed.', async () => {
  await using app = await startTestApp();
  const { socket, received, closed } = rawSocket(app);
  socket.write('GET /subscribe?all=true HTTP/1.1\r\nHost: x\r\n\r\n');
  await poll(() => received().includes('retry:')).toBe(true);
  const body = '{"type":"X","data":{}}';
  socket.write(
    `POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await closed;
  expect((await app.get('/streams/a-1')).status).toBe(404);
  expect(
    received()
      .toString()
      .match(/HTTP\/1\.1/g),
  ).toHaveLength(1);
});

test('Two concurrent subscriptions on one connection do not both get it, and none is left open.', async () => {
  await using app = await startTestApp();
  const { socket, received, closed } = rawSocket(app);
  socket.write('GET /subscribe?all=true HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2));
  await closed;
  expect(received()).not.toContain('500');
  await poll(() => app.hub.subscriptions.size).toBe(0);
});

test('Bytes that are not a request, sent by a subscriber, end the connection without another response in the stream.', async () => {
  await using app = await startTestApp();
  const { socket, received, closed } = rawSocket(app);
  socket.write('GET /subscribe?all=true HTTP/1.1\r\nHost: x\r\n\r\n');
  await poll(() => received().includes('retry:')).toBe(true);
  socket.write('garbage\r\n\r\n');
  await closed;
  expect(
    received()
      .toString()
      .match(/HTTP\/1\.1/g),
  ).toHaveLength(1);
});

test('Without pooling the bytes are the same.', async () => {
  await using app = await startTestApp([
    '--pooling',
    'off',
    '--retry-min-ms',
    '7',
    '--retry-max-ms',
    '7',
    '--heartbeat-ms',
    '0',
  ]);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  await appendMany(app, 'a-"1"\\', 'a-ü🌍');
  await client.waitForPokes(2);
  expect(withoutTags(client)).toBe(
    ': ready\n\nretry: 7\n' +
      'event: poke\ndata: {"stream":"a-\\"1\\"\\\\","position":0,"globalPosition":1}\nid: 1\n\n' +
      'event: poke\ndata: {"stream":"a-ü🌍","position":0,"globalPosition":2}\nid: 2\n\n',
  );
  expect(app.pools.pokes.stats.reused).toBe(0);
});
