import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken, RpcClient } from './rpc-client.ts';

/** Counts and sizes of the other tenant, none of which may appear in an answer. */
const marks = ['1234', '987', 'foreign'];

let app: TestApp;
let other: SseClient[];
let token: string;

beforeAll(async () => {
  app = await startTestApp([`--token=${adminToken}`, '--metrics-token', 'scrape', '--store-max-bytes', '1000000']);
  const admin = new RpcClient(app.url, adminToken);
  const foreign = await admin.tenant('foreign');
  const messages = Array.from({ length: 1_234 }, () => ({ type: 'T', data: {} }));
  await ask(`/streams/foreign-987/messages`, foreign.token!, messages);
  other = [];
  for (let n = 0; n < 3; n++) {
    other.push(await SseClient.connect(app.port, `/subscribe?all=true&token=${foreign.token}`));
  }
  const own = await admin.createNamespace('own');
  ({ token } = await admin.call('ns.token.create', 'own', { scope: 'write' }));
  expect(own.token).not.toBe(token);
});

afterAll(async () => {
  for (const client of other) await client[Symbol.asyncDispose]();
  await app.close();
});

async function ask(path: string, bearer: string, body?: unknown): Promise<{ status: number; text: string }> {
  const response = await fetch(app.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

describe('A token of another namespace', () => {
  test.each([
    ['/metrics', undefined, 403],
    ['/ready', undefined, 200],
    ['/health', undefined, 200],
    ['/version', undefined, 200],
    ['/streams', undefined, 200],
    ['/streams/foreign-987', undefined, 404],
    ['/streams/foreign-987/messages', undefined, 200],
    ['/streams/foreign-987/messages/last', undefined, 404],
    ['/categories', undefined, 200],
    ['/categories/foreign/messages', undefined, 200],
    ['/export', undefined, 200],
    ['/rpc', ['ns.list'], 200],
    ['/rpc', ['ns.info', 'foreign'], 403],
    ['/rpc', ['ns.info', 'own'], 200],
    ['/rpc', ['ns.create', 'mine'], 403],
    ['/rpc', ['ns.delete', 'foreign'], 403],
    ['/rpc', ['ns.token.list', 'foreign'], 403],
    ['/rpc', ['ns.token.create', 'foreign'], 403],
    ['/rpc', ['ns.streams'], 200],
    ['/rpc', ['ns.categories'], 200],
    ['/rpc', ['sys.version'], 200],
    ['/rpc', ['stream.get', 'foreign-987'], 200],
    ['/rpc', ['stream.version', 'foreign-987'], 200],
    ['/rpc', ['category.get', ''], 200],
    ['/streams/a-1/messages', { type: 'T', data: { text: 'x'.repeat(900_000) } }, 507],
    ['/rpc', ['stream.write', 'a-1', { type: 'T', data: { text: 'x'.repeat(900_000) } }], 507],
  ])('learns no number of that namespace by %s %j', async (path, body, status) => {
    const answer = await ask(path, token, body);
    expect(answer.status).toBe(status);
    const text = answer.text.replaceAll('foreign-987', '');
    for (const mark of marks) expect(text.replaceAll(/"(namespace|message)":"[^"]*"/g, '')).not.toContain(mark);
  });

  test('learns from a full store only that it is full', async () => {
    const { text } = await ask('/streams/a-1/messages', token, { type: 'T', data: { text: 'x'.repeat(900_000) } });
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 'STORE_FULL',
        message: 'This would exceed the byte limit of the store.',
        details: { limit: 'store' },
      },
    });
  });

  test('has its own subscriptions counted by sys.health, and an admin of default has all', async () => {
    expect(JSON.parse((await ask('/rpc', token, ['sys.health'])).text)).toMatchObject({ connections: 0 });
    expect(JSON.parse((await ask('/rpc', adminToken, ['sys.health'])).text)).toMatchObject({ connections: 3 });
  });

  test('does not allow /metrics, nor does a token of default without scope admin', async () => {
    const admin = new RpcClient(app.url, adminToken);
    for (const scope of ['read', 'write']) {
      const { token: lesser } = await admin.call('ns.token.create', 'default', { scope });
      expect((await ask('/metrics', lesser)).status).toBe(403);
    }
    const { token: ownAdmin } = await admin.call('ns.token.create', 'own', { scope: 'admin' });
    expect((await ask('/metrics', ownAdmin)).status).toBe(403);
    expect((await ask('/metrics', adminToken)).status).toBe(200);
    expect((await ask('/metrics', 'scrape')).status).toBe(200);
  });
});

test('A namespace that has used up its share gets its own numbers, and /ready does not report the store as full.', async () => {
  await using small = await startTestApp(['--store-max-bytes-per-namespace', '70000']);
  const { status, body } = await small.append('a-1', { type: 'T', data: { text: 'x'.repeat(70_000) } });
  expect([status, body.error.code]).toEqual([507, 'STORE_FULL']);
  expect(body.error.details).toEqual({ limit: 'namespace', bytes: expect.any(Number), maxBytes: 70_000 });
  expect((await small.get('/ready')).body).toEqual({ status: 'ok', store: 'ok' });
});
