import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken as admin } from './rpc-client.ts';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function askTicket(app: TestApp, body: unknown, token: string | undefined = admin) {
  const response = await fetch(`${app.url}/subscribe/ticket`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : bearer(token)) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  return { status: response.status, headers: response.headers, body: (await response.json()) as any };
}

const ticketFor = async (app: TestApp, body: unknown) => (await askTicket(app, body)).body.ticket as string;

async function append(app: TestApp, stream: string) {
  const response = await fetch(`${app.url}/streams/${stream}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(admin) },
    body: '{"type":"T","data":{}}',
  });
  expect(response.status).toBe(201);
}

test('A ticket opens one subscription with its selectors, without any other credential.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const beforeMs = Date.now();
  const { status, body, headers } = await askTicket(app, { stream: ['a-1'], category: ['b', 'c'] });
  expect([status, headers.get('cache-control')]).toEqual([201, 'no-store']);
  expect(Date.parse(body.expiresAt)).toBeGreaterThanOrEqual(beforeMs + 30_000);
  expect(body.ticket).toMatch(/^[A-Za-z0-9_-]{32}$/);
  // Order of selectors and starting position are not part of the ticket.
  const path = `/subscribe?category=c&category=b&stream=a-1&position=1&ticket=${body.ticket}`;
  await using client = await SseClient.connect(app.port, path);
  expect(client.head.status).toBe(200);
  await append(app, 'a-1');
  await append(app, 'd-1');
  await append(app, 'b-1');
  await client.waitForPokes(2);
  expect(client.pokes.map(({ stream }) => stream)).toEqual(['a-1', 'b-1']);
});

test.each([
  [{ all: true }, 'all=true'],
  [{ category: ['a'], consumer: 1, size: 2 }, 'category=a&consumer=1&size=2'],
  [{ category: ['a'], consumer: 1, size: 2 }, 'category=a&consumerGroupMember=1&consumerGroupSize=2'],
  [{ stream: ['a-1', 'a-1'] }, 'stream=a-1'],
])('A ticket for %j opens ?%s.', async (body, query) => {
  await using app = await startTestApp(['--token', admin]);
  await using client = await SseClient.connect(app.port, `/subscribe?${query}&ticket=${await ticketFor(app, body)}`);
  expect(client.head.status).toBe(200);
});

test.each([
  [{ stream: ['a-1'] }, 'stream=a-2'],
  [{ stream: ['a-1'] }, 'stream=a-1&stream=a-2'],
  [{ stream: ['a-1'] }, 'category=a'],
  [{ stream: ['a-1'] }, 'all=true'],
  [{ category: ['a'], consumer: 0, size: 2 }, 'category=a'],
  [{ category: ['a'], consumer: 0, size: 2 }, 'category=a&consumer=1&size=2'],
  [{ category: ['a', 'b'] }, 'category=a,b'],
])('A ticket for %j is refused for ?%s, and is used up by that.', async (body, query) => {
  await using app = await startTestApp(['--token', admin]);
  const ticket = await ticketFor(app, body);
  const { status, body: refusal } = await app.get(`/subscribe?${query}&ticket=${ticket}`);
  expect([status, refusal.error.code]).toEqual([403, 'AUTH_UNAUTHORIZED']);
  expect((await app.get(`/subscribe?${query}&ticket=${ticket}`)).status).toBe(401);
});

test('A used ticket is refused, even while its subscription is open.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const path = `/subscribe?all=true&ticket=${await ticketFor(app, { all: true })}`;
  await using client = await SseClient.connect(app.port, path);
  expect(client.head.status).toBe(200);
  const { status, body } = await app.get(path);
  expect([status, body.error.code]).toEqual([401, 'AUTH_INVALID_TOKEN']);
  expect(JSON.stringify(body)).not.toContain(path.split('ticket=')[1]);
});

test('A ticket is valid for its subscription only.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const ticket = await ticketFor(app, { all: true });
  for (const path of ['/streams', '/metrics', '/docs', '/openapi.json']) {
    expect([path, (await app.get(`${path}?ticket=${ticket}`)).status]).toEqual([path, 401]);
    expect([path, (await app.get(`${path}?token=${ticket}`)).status]).toEqual([path, 401]);
  }
  expect((await fetch(`${app.url}/subscribe?all=true&ticket=${ticket}`, { method: 'HEAD' })).status).toBe(401);
  const again = await fetch(`${app.url}/subscribe/ticket?ticket=${ticket}`, { method: 'POST' });
  expect(again.status).toBe(401);
});

test('A token in the query takes precedence over a ticket, and a ticket over the header.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const ticket = await ticketFor(app, { all: true });
  const bad = newToken('nobody');
  expect((await app.get(`/subscribe?all=true&token=${bad}&ticket=${ticket}`)).status).toBe(403);
  await using client = await SseClient.connect(app.port, `/subscribe?all=true&ticket=${ticket}`, {
    headers: bearer(bad),
  });
  expect(client.head.status).toBe(200);
  const used = await fetch(`${app.url}/subscribe?all=true&ticket=${ticket}`, { headers: bearer(admin) });
  expect(used.status).toBe(401);
});

test('A subscription by ticket ends when the token of the ticket is revoked.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const token = await app.namespaces.createToken('default', { label: '', scope: 'read', expiresAtMs: undefined });
  const { body } = await askTicket(app, { all: true }, token.token);
  await using client = await SseClient.subscribe(app.port, `/subscribe?all=true&ticket=${body.ticket}`);
  await app.namespaces.revokeToken('default', token.id);
  await client.closed;
  expect(client.parser.events).toMatchObject([{ type: 'end', data: '{"code":"revoked"}' }]);
});

test.each([
  ['', 'body'],
  ['{', 'body'],
  ['[]', 'body'],
  ['null', 'body'],
  ['"stream"', 'body'],
  ['{}', 'stream'],
  ['{"stream":"a-1"}', 'stream'],
  ['{"stream":[1]}', 'stream.0'],
  ['{"stream":["a\\u0000b"]}', 'stream'],
  ['{"stream":["\\ud800"]}', 'stream'],
  ['{"all":"true"}', 'all'],
  ['{"all":true,"category":["a"]}', 'all'],
  ['{"category":["a"],"consumer":2,"size":2}', 'consumer'],
  ['{"category":["a"],"consumer":1}', 'size'],
  ['{"category":["a"],"size":0}', 'size'],
  ['{"category":["a"],"consumer":0.5,"size":2}', 'consumer'],
  ['{"category":["a"],"position":5}', 'position'],
  ['{"category":["a"],"__proto__":{"all":true}}', '__proto__'],
  ['{"__proto__":{"all":true}}', '__proto__'],
  ['{"constructor":{"prototype":{"all":true}}}', 'constructor'],
])('No ticket is given for %s.', async (text, field) => {
  await using app = await startTestApp(['--token', admin]);
  const { status, body } = await askTicket(app, text);
  expect([status, body.error?.code, body.error?.details]).toEqual([400, 'INVALID_REQUEST', { field }]);
  expect(({} as { all?: unknown }).all).toBeUndefined();
});

test('A refused ticket names the valid values and the known members.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { body } = await askTicket(app, '{"category":"a"}');
  expect(body.error?.message).toBe('category must be an array; known are stream, category, all, consumer, size');
});

test('A ticket requires a token with scope read, and a body that is sent as JSON.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const response = await fetch(`${app.url}/subscribe/ticket`, { method: 'POST', body: '{"all":true}' });
  expect(response.status).toBe(401);
  const text = await fetch(`${app.url}/subscribe/ticket`, {
    method: 'POST',
    headers: bearer(admin),
    body: '{"all":true}',
  });
  expect(text.status).toBe(415);
});

test('Without authentication a ticket works too, for the namespace of its token.', async () => {
  await using app = await startTestApp();
  const { token } = await app.namespaces.create({ id: 'tenant', description: '', token: undefined });
  const { body } = await askTicket(app, { category: ['a'] }, token);
  await using client = await SseClient.connect(app.port, `/subscribe?category=a&ticket=${body.ticket}`);
  expect((await app.append('a-1', { type: 'T', data: {} })).status).toBe(201);
  const { log } = await app.namespaces.get('tenant');
  expect([...app.hub.subscriptions].map(({ request }) => request.log)).toEqual([log]);
  expect(client.pokes).toEqual([]);
});
