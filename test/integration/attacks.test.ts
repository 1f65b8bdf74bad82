import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken as admin } from './rpc-client.ts';

const bearer = { authorization: `Bearer ${admin}` };
const message = '{"type":"T","data":{}}';
const asText = (value: unknown) => JSON.stringify(value);

/** Sends raw bytes and resolves to everything received until the server closes. */
async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1').on('data', (piece) => {
    received += piece;
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write(text, 'latin1');
  await closed;
  return received;
}

/** Sends one request with this target verbatim, which clients would normalize. */
async function askRaw(
  app: TestApp,
  target: string,
  token = admin,
  more = '',
): Promise<{ status: number; text: string }> {
  const authorization = token === '' ? '' : `Authorization: Bearer ${token}\r\n`;
  const text = await sendRaw(
    app.port,
    `GET ${target} HTTP/1.1\r\nHost: x\r\n${authorization}${more}Connection: close\r\n\r\n`,
  );
  return { status: Number(text.slice(9, 12)), text };
}

async function append(app: TestApp, stream: string, token: string, body = message, type = 'application/json') {
  const response = await fetch(`${app.url}/streams/${encodeURIComponent(stream)}/messages`, {
    method: 'POST',
    headers: { 'content-type': type, authorization: `Bearer ${token}` },
    body,
  });
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  return { status: response.status, body: (await response.json()) as any };
}

test('A forged token is refused, however it is sent.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const forged = newToken('default');
  const ways = [
    [`/subscribe?all=true&token=${forged}`, {}],
    ['/subscribe?all=true', { authorization: `Bearer ${forged}` }],
    ['/subscribe?all=true', { cookie: `pokewire=${forged}` }],
    ['/subscribe?all=true', { cookie: `__Host-pokewire=${forged}; pokewire=${admin}` }],
  ] as const;
  for (const [path, headers] of ways) {
    const response = await fetch(app.url + path, { headers });
    expect([path, response.status]).toEqual([path, 403]);
    await response.text();
  }
  expect(app.hub.subscriptions.size).toBe(0);
});

test('The right namespace with a wrong secret is refused like a namespace that does not exist.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const message = async (token: string) => {
    const { status, body } = await app.get(`/streams?token=${token}`);
    return [status, body.error.code, body.error.message];
  };
  expect(await message(newToken('default'))).toEqual(await message(newToken('nobody')));
});

test('A tenant can neither see, change nor receive anything of another, even with equal names.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const create = (id: string) => app.namespaces.create({ id, description: '', token: undefined });
  const [{ token: mine }, { token: theirs }] = [await create('mine'), await create('theirs')];
  await using listener = await SseClient.subscribe(app.port, `/subscribe?all=true&token=${theirs}`);
  expect((await append(app, 'a-1', mine)).body).toMatchObject({ position: 0, globalPosition: 1 });
  for (const path of ['/streams', '/categories', '/streams/a-1/messages', '/categories/a/messages']) {
    const { text } = await app.get(`${path}?token=${theirs}`);
    expect([path, text]).not.toContain('a-1');
    expect(text).not.toMatch(/"a(-1)?"/);
  }
  expect((await app.get(`/streams/a-1?token=${theirs}`)).status).toBe(404);
  expect((await append(app, 'a-1', theirs)).body).toMatchObject({ position: 0, globalPosition: 1 });
  await listener.waitForPokes(1);
  expect(listener.pokes).toHaveLength(1);
});

test('A read token cannot write.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { token } = await app.namespaces.createToken('default', { label: '', scope: 'read', expiresAtMs: undefined });
  expect((await append(app, 'a-1', token)).status).toBe(403);
  expect((await app.get(`/streams?token=${token}`)).body.streams).toEqual([]);
});

test.each([
  ['//subscribe?all=true', 404],
  ['/subscribe;x?all=true', 404],
  ['/subscribe/?all=true', 404],
  ['/subscribe%2f?all=true', 404],
  ['/health/../streams', 404],
  ['/health;/streams', 404],
  ['/health%2f..%2fstreams', 404],
  ['/streams/../metrics', 404],
  ['/streams\\..\\metrics', 404],
  ['/HEALTH', 404],
  ['/docs/..%2f..%2fpackage.json', 404],
  ['/reference/..%2f..%2f..%2f..%2fpackage.json', 404],
  ['/reference/%2e%2e/%2e%2e/%2e%2e/package.json', 404],
  ['/reference/../../../package.json', 404],
  // Names, never used as paths.
  ['/streams/..%2f..', 404],
  ['/streams/%2fetc%2fpasswd', 404],
  ['/streams/%00', 400],
  ['/streams/a%00b/messages', 400],
  ['/streams/a%0d%0ab/messages', 400],
  ['/categories/a%00/messages', 400],
  ['/subscribe?stream=a%00', 400],
  ['/subscribe?stream=a%0aid:%209', 400],
  ['/streams/%ff', 400],
  ['/streams/%', 400],
])('The path %s leads nowhere it should not: %i.', async (target, status) => {
  await using app = await startTestApp(['--token', admin]);
  const answer = await askRaw(app, target);
  expect(answer.status).toBe(status);
  expect(answer.text).not.toContain('"dependencies"');
  const withoutToken = await askRaw(app, target, '');
  expect([400, 401, 404]).toContain(withoutToken.status);
});

test('A path that is not percent-encoded UTF-8 is refused with that reason.', async () => {
  await using app = await startTestApp();
  const { status, body } = await app.get('/streams/%ff');
  expect([status, body.error]).toEqual([
    400,
    { code: 'INVALID_REQUEST', message: 'path must be a valid percent-encoded URL', details: { field: 'path' } },
  ]);
});

test.each(['/streams', 'http://x/streams', 'HTTP://X:9/streams', '/%73treams', '/streams?'])(
  'A path requires its token however it is spelled: %s.',
  async (target) => {
    await using app = await startTestApp(['--token', admin]);
    expect((await askRaw(app, target, '')).status).toBe(401);
    expect((await askRaw(app, target)).status).toBe(200);
  },
);

test('A namespace id with NUL, a path or a line end is refused, and so is a token for it.', async () => {
  await using app = await startTestApp(['--token', admin]);
  for (const id of ['a\0b', '../a', 'a/b', 'a\nb', '', '.a', '__proto__', 'ä', 'x'.repeat(129)]) {
    const created = app.namespaces.create({ id, description: '', token: undefined });
    await expect(created).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    if (id === '') continue;
    expect([id, (await app.get(`/streams?token=${newToken(id)}`)).status]).toEqual([id, 403]);
  }
  await using open = await startTestApp(['--test-mode']);
  expect((await open.get(`/streams?token=${newToken('../a')}`)).status).toBe(400);
});

test('/import accepts POST only: opening a link to it erases nothing.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', message);
  const { status, headers, body } = await app.get('/import?force=true');
  expect([status, headers.get('allow'), body.error.code]).toEqual([405, 'POST', 'METHOD_NOT_ALLOWED']);
  expect((await app.get('/streams/a-1')).status).toBe(200);
});

test.each([
  ['text/plain', 415],
  ['application/x-www-form-urlencoded', 415],
  ['multipart/form-data; boundary=x', 415],
  ['text/plain; application/json', 415],
  ['application/jsonp', 415],
  ['application/json', 201],
  ['application/json; charset=utf-8', 201],
])('An append sent as %s is answered %i: a form on a page of others is none.', async (type, status) => {
  await using app = await startTestApp(['--token', admin]);
  expect((await append(app, 'a-1', admin, message, type)).status).toBe(status);
});

test('No header and no parameter changes the method of a request.', async () => {
  await using app = await startTestApp(['--token', admin]);
  await append(app, 'a-1', admin);
  for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
    const headers = { ...bearer, [name]: 'POST' };
    const response = await fetch(`${app.url}/streams/a-1/messages?_method=POST`, { headers });
    expect([name, response.status]).toEqual([name, 400]);
  }
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    const response = await fetch(`${app.url}/streams/a-1/messages`, { method, headers: bearer });
    expect([method, response.status]).toEqual([method, 405]);
  }
  expect(
    (await sendRaw(app.port, 'TRACE /streams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).slice(9, 12),
  ).toBe('405');
  expect((await app.get(`/streams/a-1?token=${admin}`)).body.messageCount).toBe(1);
});

test('Members named like those of every object are treated as data.', async () => {
  await using app = await startTestApp();
  const data = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}';
  expect((await app.append('__proto__-1', `{"type":"__proto__","data":${data}}`)).status).toBe(201);
  expect((await app.get('/streams/__proto__-1/messages')).text).toContain(`"data":${data}`);
  expect((await app.get('/categories/__proto__/messages')).body).toHaveLength(1);
  expect((await app.append('a-1', '{"__proto__":{"type":"T","data":{}}}')).status).toBe(400);
  expect((await app.append('a-1', '{"type":"T","data":{},"__proto__":{}}')).status).toBe(400);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__proto__[polluted]', 'token[]'])(
  'A query parameter named %s is refused as unknown.',
  async (name) => {
    await using app = await startTestApp();
    for (const path of ['/subscribe?all=true&', '/streams?']) {
      const { status, body } = await app.get(`${path}${name}=1`);
      expect([status, body.error.details]).toEqual([400, { field: name }]);
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  },
);

test('A credential given twice is refused, and neither is used.', async () => {
  await using app = await startTestApp(['--token', admin]);
  for (const query of [`token=${admin}&token=${admin}`, `token=&token=${admin}`, `token=x&token=${admin}`]) {
    expect([query, (await app.get(`/streams?${query}`)).status]).toEqual([query, 401]);
  }
  expect((await app.get('/subscribe?all=true&ticket=a&ticket=b')).status).toBe(401);
  expect((await app.get(`/subscribe?all=true&all=false&token=${admin}`)).status).toBe(400);
  const twice = `Authorization: Bearer ${newToken('default')}\r\n`;
  // Node keeps the first of two headers; the second is never added to it.
  expect((await askRaw(app, '/streams', admin, twice)).status).toBe(200);
  expect((await askRaw(app, '/streams', newToken('default'), `Authorization: Bearer ${admin}\r\n`)).status).toBe(403);
});

test.each(['Bearer:', 'Bearer\t', 'Bearerns_', 'Basic', 'Token'])(
  'The header must be Bearer, a space and the token: %j is no credential.',
  async (scheme) => {
    await using app = await startTestApp(['--token', admin]);
    const response = await fetch(`${app.url}/streams`, { headers: { authorization: `${scheme} ${admin}` } });
    expect(response.status).toBe(401);
  },
);

test('Nothing in a request can add a line to the head of an event stream.', async () => {
  await using app = await startTestApp(['--token', admin, '--subscribe-origins', 'https://one.example']);
  const headers = {
    Authorization: `Bearer ${admin}`,
    'X-Request-Id': 'a%0d%0aSet-Cookie: stolen=1\tb',
    Origin: 'https://one.example%0d%0aSet-Cookie: stolen=1',
  };
  await using client = await SseClient.subscribe(app.port, '/subscribe?stream=a%250d%250aX:%20y-1', { headers });
  expect(client.head.headers.has('set-cookie')).toBe(false);
  expect(client.head.headers.get('x-request-id')).toBe('a%0d%0aSet-Cookie: stolen=1\tb');
  await append(app, 'a%0d%0aX: y-1', admin);
  await client.waitForPokes(1);
  expect(client.parser.unknownFields).toEqual([]);
});

test.each([
  ['CR in a header', 'GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rSet-Cookie: b\r\n\r\n'],
  ['NUL in a header', 'GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\0b\r\n\r\n'],
  ['lines that end in LF alone', 'GET /health HTTP/1.1\nHost: x\n\n'],
  ['a header continued on the next line', 'GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n'],
  ['space before the colon', 'GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n'],
  [
    'a length and chunks',
    'POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'two lengths',
    'POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]GET /health HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  ['a length with a sign', 'POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n[]'],
  ['an unknown encoding', 'POST /rpc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  [
    'chunks that are not the last encoding',
    'POST /rpc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
  ],
  ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
])('A request with %s is refused and its connection closed, so that nothing hides behind it.', async (_what, text) => {
  await using app = await startTestApp();
  const answer = await sendRaw(app.port, text);
  expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 400']);
});

test('A chunk whose size ends in LF alone is refused.', async () => {
  await using app = await startTestApp();
  const head = 'POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const answer = await sendRaw(app.port, `${head}Transfer-Encoding: chunked\r\n\r\n16\n${message}\r\n0\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect((await app.get('/streams/a-1')).status).toBe(404);
});

test('Data after a subscription on its connection is not treated as a request.', async () => {
  await using app = await startTestApp();
  const subscribe = 'GET /subscribe?all=true HTTP/1.1\r\nHost: x\r\n\r\n';
  const write = `POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${message.length}\r\n\r\n${message}`;
  const answer = await sendRaw(app.port, subscribe + write);
  expect(answer).not.toContain('"globalPosition":1,"count"');
  await expect.poll(() => app.hub.subscriptions.size).toBe(0);
});

test('Refusals repeat no credential.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const secret = 'c0ffee'.repeat(10);
  const asks = [
    `/streams?token=${secret}`,
    `/nowhere?token=${secret}`,
    `/subscribe?all=true&ticket=${secret}`,
    `/streams/%?token=${secret}`,
    `/streams?token=ns_ZGVmYXVsdA_${secret}0000`,
    `/docs?token=${secret}`,
  ];
  for (const path of asks) {
    const { status, text, headers } = await app.get(path);
    expect([path, status >= 400]).toEqual([path, true]);
    expect(text + asText([...headers])).not.toContain(secret);
  }
  const byHeader = await fetch(`${app.url}/streams`, {
    headers: { authorization: `Bearer ${secret}`, cookie: secret },
  });
  expect(await byHeader.text()).not.toContain(secret);
  const { text } = await app.get(`/metrics?token=${admin}`);
  expect(text).not.toContain(secret);
  expect(text).not.toContain(admin);
  expect((await app.get(`/openapi.json?token=${admin}`)).text).not.toContain(admin);
});

test('Deleting a namespace ends its open requests, and its token is refused by a new one of the same name.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const create = () => app.namespaces.create({ id: 'tenant', description: '', token: undefined });
  const { token: old } = await create();
  for (let n = 0; n < 3; n++) await append(app, 'a-1', old);
  await using client = await SseClient.connect(app.port, `/subscribe?category=a&token=${old}`);
  await client.waitForPokes(3);
  expect(await app.namespaces.remove('tenant')).toBe(3);
  await client.closed;
  expect(client.parser.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"namespace-deleted"}' });

  const { token } = await create();
  expect((await app.get(`/streams?token=${old}`)).status).toBe(403);
  expect((await app.get(`/streams?token=${token}`)).body.streams).toEqual([]);
  // After every position of the old log, so that its cursors hide nothing of this one.
  expect((await append(app, 'b-1', token)).body).toMatchObject({ position: 0, globalPosition: 5 });
  await using again = await SseClient.connect(app.port, `/subscribe?category=b&token=${token}&lastEventId=3`);
  await again.waitForPokes(1);
});
