import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';

const message = { type: 'Happened', data: {} };
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Sends raw bytes and resolves to everything received until the server closes. */
async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    received += piece;
  });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write(text);
  await closed;
  return received;
}

test('Pages of categories continue after the category without a name.', async () => {
  await using app = await startTestApp();
  for (const stream of ['-1', 'b-1']) await app.append(stream, { type: 'Happened', data: {} });
  const first = await app.get('/categories?limit=1');
  expect([first.status, first.body]).toEqual([
    200,
    { categories: [{ category: '', streamCount: 1, messageCount: 1 }], cursor: '' },
  ]);
  const second = await app.get('/categories?limit=1&cursor=');
  expect(second.body).toEqual({ categories: [{ category: 'b', streamCount: 1, messageCount: 1 }], cursor: null });
});

test('An append answers 201 with the positions of its last message.', async () => {
  await using app = await startTestApp();
  expect(await app.append('account-1', message)).toMatchObject({
    status: 201,
    text: '{"stream":"account-1","position":0,"globalPosition":1,"count":1}',
  });
  expect((await app.append('account-1', [message, message, message])).body).toEqual({
    stream: 'account-1',
    position: 3,
    globalPosition: 4,
    count: 3,
  });
});

test('A message is returned as an object with all its fields.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', { id: uuid(1).toUpperCase(), type: 'T"\\', data: { a: [1] }, metadata: { m: null } });
  const { body, headers } = await app.get('/streams/a-1/messages');
  expect(headers.get('content-type')).toBe('application/json');
  expect(body).toEqual([
    {
      id: uuid(1),
      stream: 'a-1',
      type: 'T"\\',
      position: 0,
      globalPosition: 1,
      data: { a: [1] },
      metadata: { m: null },
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    },
  ]);
});

test('Data and metadata are returned verbatim, apart from white space between tokens.', async () => {
  await using app = await startTestApp();
  const data =
    '{"z":12345678901234567890,"1":1.0,"0":-0,"e":1e-400,"s":" a\\u0000\\ud83d\\ude00 ","z":[{"__proto__":1}]}';
  await app.append('a-1', `{ "type" : "T" , "data" : ${data.replaceAll(',', ' ,\n\t')} , "metadata" : { } }`);
  const { text } = await app.get('/streams/a-1/messages');
  expect(text).toContain(`"data":${data},"metadata":{},`);
});

test('An array is stored whole or not at all.', async () => {
  await using app = await startTestApp();
  expect((await app.append('a-1', [message, { type: 'T' }])).body.error.message).toBe(
    '[1].data must be an object, got nothing',
  );
  expect(
    (
      await app.append('a-1', [
        { ...message, id: uuid(1) },
        { ...message, id: uuid(1) },
      ])
    ).status,
  ).toBe(409);
  expect((await app.get('/streams/a-1')).status).toBe(404);
});

test('expectedVersion lets exactly one of many concurrent writers succeed.', async () => {
  await using app = await startTestApp();
  const answers = await Promise.all(Array.from({ length: 20 }, () => app.append('a-1', message, 'expectedVersion=-1')));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(19);
  for (const { body } of refused) {
    expect(body.error).toMatchObject({ code: 'STREAM_VERSION_CONFLICT', details: { expected: -1, actual: 0 } });
  }
});

test('A retry of the same messages answers 200 with the original positions, whatever the expected version.', async () => {
  await using app = await startTestApp();
  const pair = [
    { ...message, id: uuid(1) },
    { ...message, id: uuid(2) },
  ];
  const first = await app.append('a-1', pair, 'expectedVersion=-1');
  await app.append('a-1', message);
  const retry = await app.append('a-1', pair, 'expectedVersion=-1');
  expect([first.status, retry.status]).toEqual([201, 200]);
  expect(retry.body).toEqual(first.body);
  expect((await app.append('a-1', { ...pair[0], type: 'Other' })).body.error.code).toBe('DUPLICATE_MESSAGE_ID');
  expect((await app.append('b-1', pair[0])).body.error.code).toBe('DUPLICATE_MESSAGE_ID');
  expect((await app.get('/streams/a-1')).body.messageCount).toBe(3);
});

test('Reads start at a position or global position, and are limited by batch size.', async () => {
  await using app = await startTestApp();
  for (const stream of ['a-1', 'b-1', 'a-1', 'a-1', 'a-2']) await app.append(stream, message);
  const positions = async (path: string) =>
    (await app.get(path)).body.map(({ globalPosition }: { globalPosition: number }) => globalPosition);
  expect(await positions('/streams/a-1/messages')).toEqual([1, 3, 4]);
  expect(await positions('/streams/a-1/messages?position=1')).toEqual([3, 4]);
  expect(await positions('/streams/a-1/messages?position=1&batchSize=1')).toEqual([3]);
  expect(await positions('/streams/a-1/messages?globalPosition=4&position=0')).toEqual([4]);
  expect(await positions('/streams/a-1/messages?position=9')).toEqual([]);
  expect(await positions('/streams/nobody/messages')).toEqual([]);
  expect(await positions('/categories/a/messages?position=2')).toEqual([3, 4, 5]);
  expect(await positions('/categories/a/messages?batchSize=2')).toEqual([1, 3]);
  expect(await positions('/categories/a/messages?batchSize=0')).toEqual([1, 3, 4, 5]);
});

test.each([
  ['/categories/a-1/messages', 'category', '"a"'],
  ['/categories/a/messages?correlation=b-1-2', 'correlation', '"b"'],
])('%s names a stream where a category is meant, which would never have a message.', async (path, field, said) => {
  await using app = await startTestApp();
  const { status, body } = await app.get(path);
  expect([status, body.error.details]).toEqual([400, { field }]);
  expect(body.error.message).toContain(said);
});

test('A category is filtered before the limit applies.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 30; n++) {
    await app.append(`x-${n}`, {
      ...message,
      metadata: { correlationStreamName: n % 10 === 9 ? 'saga-7' : 'sagas-7' },
    });
  }
  const { body } = await app.get('/categories/x/messages?correlation=saga&batchSize=2');
  expect(body.map(({ stream }: { stream: string }) => stream)).toEqual(['x-9', 'x-19']);
  const both = await app.get('/categories/x/messages?correlation=saga&consumer=0&size=1');
  expect(both.body).toHaveLength(3);
});

test('A read of everything is streamed, and equals its pages.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 30; n++) await app.append('a-1', { type: 'T', data: { text: `${n}`.repeat(100_000) } });
  const all = await app.get('/streams/a-1/messages?batchSize=-1');
  expect(all.headers.has('content-length')).toBe(false);
  expect(all.body.map(({ position }: { position: number }) => position)).toEqual(
    Array.from({ length: 30 }, (_, n) => n),
  );
  const first = await app.get('/streams/a-1/messages?batchSize=15');
  const rest = await app.get('/streams/a-1/messages?position=15');
  expect([...first.body, ...rest.body]).toEqual(all.body);
});

test('A filter that matches little of a long category still finds all of it.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 3; n++) {
    await app.append('a-1', new Array(10_000).fill(message));
    await app.append('a-2', { ...message, metadata: { correlationStreamName: 'saga-1' } });
  }
  const { body } = await app.get('/categories/a/messages?correlation=saga');
  expect(body.map(({ position }: { position: number }) => position)).toEqual([0, 1, 2]);
});

test('The last message of a stream is found, also by type; otherwise the answer is 404.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', [
    { type: 'A', data: {} },
    { type: 'B', data: {} },
    { type: 'A', data: {} },
  ]);
  expect((await app.get('/streams/a-1/messages/last')).body.position).toBe(2);
  expect((await app.get('/streams/a-1/messages/last?type=B')).body.position).toBe(1);
  expect((await app.get('/streams/a-1/messages/last?type=')).body.position).toBe(2);
  expect((await app.get('/streams/a-1/messages/last?type=C')).body.error.code).toBe('MESSAGE_NOT_FOUND');
  expect((await app.get('/streams/b/messages/last')).status).toBe(404);
});

test('Streams and categories are listed page by page in byte order.', async () => {
  await using app = await startTestApp();
  const names = ['b-1', 'a-1', 'a', 'a-\u{1F30D}', 'a-\uFF5E', 'a-2'];
  for (const name of names) await app.append(name, message);
  const listed: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await app.get(`/streams?limit=2&cursor=${encodeURIComponent(cursor)}`);
    listed.push(...body.streams.map(({ stream }: { stream: string }) => stream));
    cursor = body.cursor;
  }
  expect(listed).toEqual(['a', 'a-1', 'a-2', 'a-\uFF5E', 'a-\u{1F30D}', 'b-1']);
  expect((await app.get('/streams?prefix=b')).body.streams).toMatchObject([
    { stream: 'b-1', version: 0, messageCount: 1 },
  ]);
  expect((await app.get('/categories')).body).toEqual({
    categories: [
      { category: 'a', streamCount: 5, messageCount: 5 },
      { category: 'b', streamCount: 1, messageCount: 1 },
    ],
    cursor: null,
  });
  expect((await app.get('/categories?limit=1')).body.cursor).toBe('a');
});

test.each([
  ['/streams/a/messages?batchSize=10001', 'batchSize'],
  ['/streams/a/messages?batchSize=-2', 'batchSize'],
  ['/streams/a/messages?position=', 'position'],
  ['/streams/a/messages?position=0x10', 'position'],
  ['/streams/a/messages?position=1e3', 'position'],
  ['/streams/a/messages?position=%205', 'position'],
  ['/streams/a/messages?position=9007199254740993', 'position'],
  ['/streams/a/messages?position=1&position=2', 'position'],
  ['/streams/a/messages?positon=1', 'positon'],
  ['/streams/a/messages?constructor=1', 'constructor'],
  ['/categories/a/messages?consumer=0', 'size'],
  ['/categories/a/messages?size=2', 'consumer'],
  ['/categories/a/messages?consumer=2&size=2', 'consumer'],
  ['/categories/a/messages?consumer=0&size=0', 'size'],
  ['/streams?limit=0', 'limit'],
  ['/streams?limit=1001', 'limit'],
  ['/streams/%00', 'stream'],
  ['/streams/%7F/messages', 'stream'],
  [`/streams/${'x'.repeat(1_025)}/messages`, 'stream'],
])('GET %s is refused, and the field is named.', async (path, field) => {
  await using app = await startTestApp();
  const { status, body } = await app.get(path);
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ code: 'INVALID_REQUEST', details: { field } });
  expect(body.error.message).toContain(field);
});

test.each([
  ['', 'body'],
  ['null', 'body'],
  ['1', 'body'],
  ['[]', 'body'],
  ['{"type":"T","data":{}', 'body'],
  ['{"type":"T","data":{}}x', 'body'],
  ['[1]', '[0]'],
  ['{"data":{}}', 'type'],
  ['{"type":1,"data":{}}', 'type'],
  ['{"type":"","data":{}}', 'type'],
  ['{"type":"a\\u0000","data":{}}', 'type'],
  ['{"type":"T"}', 'data'],
  ['{"type":"T","data":null}', 'data'],
  ['{"type":"T","data":[]}', 'data'],
  ['{"type":"T","data":{},"metadata":1}', 'metadata'],
  ['{"type":"T","data":{},"id":"x"}', 'id'],
  ['{"type":"T","data":{},"id":7}', 'id'],
  ['{"type":"T","data":{},"extra":1}', 'extra'],
  ['[{"type":"T","data":{}},{"type":"T","data":{},"id":"x"}]', '[1].id'],
])('The body %j is refused, the field is named, and nothing is stored.', async (text, field) => {
  await using app = await startTestApp();
  const { status, body } = await app.append('a-1', text);
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ code: 'INVALID_REQUEST', details: { field } });
  expect((await app.get('/streams')).body.streams).toEqual([]);
});

test('Bytes that are not UTF-8 are refused rather than replaced.', async () => {
  await using app = await startTestApp();
  const { status, body } = await app.append('a-1', Buffer.from('{"type":"T","data":{"a":"\xff"}}', 'latin1'));
  expect(status).toBe(400);
  expect(body.error.message).toBe('body must be UTF-8 text');
});

test.each(['1.5', 'x', '-2', '', '1e0'])(
  'An expectedVersion of "%s" is refused, and nothing is stored.',
  async (text) => {
    await using app = await startTestApp();
    const { status, body } = await app.append('a-1', message, `expectedVersion=${text}`);
    expect(status).toBe(400);
    expect(body.error.details.field).toBe('expectedVersion');
    expect((await app.get('/streams/a-1')).status).toBe(404);
  },
);

test('A body over the limit gets 413 with the limit, and one of another type 415.', async () => {
  await using app = await startTestApp(['--body-limit-bytes', '2000']);
  const large = await app.append('a-1', { type: 'T', data: { text: 'x'.repeat(2_000) } });
  expect(large.status).toBe(413);
  expect(large.body.error.message).toContain('size limit of 2000 bytes');
  const response = await fetch(`${app.url}/streams/a-1/messages`, { method: 'POST', body: '{"type":"T","data":{}}' });
  expect(response.status).toBe(415);
  expect(await response.json()).toMatchObject({ error: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
});

test('Unknown paths get 404, known paths with other methods 405 with the allowed methods, in the common error format.', async () => {
  await using app = await startTestApp();
  for (const path of ['/nowhere', '/streams/', '/streams/a/', '/subscribe/']) {
    const { status, body } = await app.get(path);
    expect([path, status, body.error?.code]).toEqual([
      path,
      ...(path === '/streams/' ? [400, 'INVALID_REQUEST'] : [404, 'NOT_FOUND']),
    ]);
  }
  const response = await fetch(`${app.url}/subscribe?all=true`, { method: 'DELETE' });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD']);
  expect(await response.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } });
});

test('A malformed URL, a malformed request and a head that is too large get the common error format.', async () => {
  await using app = await startTestApp();
  expect((await app.get('/streams/%ff')).body.error.code).toBe('INVALID_REQUEST');
  expect(await sendRaw(app.port, 'nonsense\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\{"error":\{"code":"INVALID_REQUEST"/,
  );
  const largeHead = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
  expect(await sendRaw(app.port, largeHead)).toMatch(/^HTTP\/1\.1 431 [\s\S]*\{"error":\{"code":"HEADERS_TOO_LARGE"/);
});

test('HTTP/1.1 without Host is refused in the common error format; HTTP/1.0 does not need it.', async () => {
  await using app = await startTestApp();
  expect(await sendRaw(app.port, 'GET /health HTTP/1.1\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*content-type: application\/json\r\n[\s\S]*\{"error":\{"code":"INVALID_REQUEST","message":"Host [^}]+"details":\{"field":"Host"\}\}\}/,
  );
  expect(await sendRaw(app.port, 'GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
});

test('A full store refuses appends with 507, and still serves reads and retries.', async () => {
  await using app = await startTestApp(['--store-max-bytes', '70000']);
  const first = { ...message, id: uuid(1) };
  expect((await app.append('a-1', first)).status).toBe(201);
  const { status, body } = await app.append('a-1', { type: 'T', data: { text: 'x'.repeat(70_000) } });
  expect(status).toBe(507);
  expect(body.error).toMatchObject({ code: 'STORE_FULL', details: { limit: 'store' } });
  expect((await app.append('a-1', first)).status).toBe(200);
  expect((await app.get('/streams/a-1/messages')).body).toHaveLength(1);
});

test('By default only allowed origins may call the API, and all origins may subscribe.', async () => {
  await using app = await startTestApp(['--cors-origins', 'https://one.example,https://two.example']);
  const preflight = (path: string, origin: string) =>
    fetch(app.url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
  const allowed = await preflight('/streams/a-1/messages', 'https://two.example');
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://two.example');
  expect(allowed.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('content-type');
  const refused = await preflight('/streams/a-1/messages', 'https://evil.example');
  expect(refused.headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
  const subscribe = await preflight('/subscribe', 'https://evil.example');
  expect(subscribe.headers.get('access-control-allow-origin')).toBe('*');
  expect(subscribe.headers.get('access-control-allow-headers')).toContain('Last-Event-ID');
});

test.each(['/streams/a-1/messages', '/rpc'])(
  'A body that is much too large is refused with 413 at %s, which arrives although the body is not read, and the connection stays open.',
  async (path) => {
    await using app = await startTestApp(['--body-limit-bytes', '1024']);
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    // More than both sockets buffer: the server must read it before the client can read the answer.
    const body = 'x'.repeat(16_000_000);
    const next = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    for (const framed of [
      `Content-Length: ${body.length}\r\n\r\n${body}`,
      `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      expect(await sendRaw(app.port, head + framed + next)).toMatch(/^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 200 /);
    }
  },
);

test('An unknown expectation is ignored, and the request is answered.', async () => {
  await using app = await startTestApp();
  const head = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
  expect(await sendRaw(app.port, `${head}Expect: the-unexpected\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 200 [\s\S]*\{"status":"ok"\}$/,
  );
  expect(await sendRaw(app.port, 'GET /health HTTP/1.1\r\nExpect: the-unexpected\r\n\r\n')).toContain('"field":"Host"');
});

test('A request id is returned.', async () => {
  await using app = await startTestApp();
  const response = await fetch(`${app.url}/health`, { headers: { 'x-request-id': 'mine-1' } });
  expect(response.headers.get('x-request-id')).toBe('mine-1');
  expect((await fetch(`${app.url}/health`)).headers.has('x-request-id')).toBe(false);
});

test('A request id is also returned if the path cannot be decoded, which happens before routing.', async () => {
  await using app = await startTestApp();
  const response = await fetch(`${app.url}/streams/%zz`, { headers: { 'x-request-id': 'mine-1' } });
  expect(response.status).toBe(400);
  expect(response.headers.get('x-request-id')).toBe('mine-1');
});
