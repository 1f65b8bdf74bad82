import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { adminToken as admin } from './rpc-client.ts';

const json = { 'content-type': 'application/json' };
const message = '{"type":"T","data":{}}';

const answers: [method: string, path: string, status: number, body?: string][] = [
  ['GET', '/streams', 200],
  ['HEAD', '/streams', 200],
  ['GET', '/streams/a-1', 200],
  ['GET', '/streams/a-1/messages', 200],
  ['GET', '/streams/a-1/messages?batchSize=-1', 200],
  ['GET', '/streams/a-1/messages/last', 200],
  ['GET', '/streams/none-1', 404],
  ['GET', '/streams/%', 400],
  ['GET', '/categories', 200],
  ['GET', '/categories/a/messages', 200],
  ['GET', '/export', 200],
  ['GET', '/metrics', 200],
  ['GET', '/health', 200],
  ['GET', '/ready', 200],
  ['GET', '/version', 200],
  ['GET', '/openapi.json', 200],
  ['GET', '/diagnose/connection', 200],
  ['GET', '/nowhere', 404],
  ['GET', '/import', 405],
  ['GET', '/', 302],
  ['POST', '/rpc', 200, '["sys.version"]'],
  ['POST', '/rpc', 404, '["nothing"]'],
  ['POST', '/streams/a-2/messages', 201, message],
  ['POST', '/subscribe/ticket', 201, '{"all":true}'],
  ['POST', '/session', 204],
  ['DELETE', '/session', 204],
];

test.each(answers)(
  '%s %s (%i) is not cached, has its declared type, and cannot be embedded by other origins.',
  async (method, path, status, body) => {
    await using app = await startTestApp(['--token', admin]);
    const authorization = `Bearer ${admin}`;
    await fetch(`${app.url}/streams/a-1/messages`, {
      method: 'POST',
      headers: { ...json, authorization },
      body: message,
    });
    const headers = { authorization, ...(body !== undefined && json) };
    const init = { method, headers, redirect: 'manual' as const, ...(body !== undefined && { body }) };
    const response = await fetch(app.url + path, init);
    await response.text();
    expect(response.status).toBe(status);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
  },
);

test.each(['/streams', '/metrics', '/docs', '/reference', '/subscribe?all=true'])(
  'No cache keeps a refusal of %s for a missing or wrong credential.',
  async (path) => {
    await using app = await startTestApp(['--token', admin]);
    for (const headers of [{}, { authorization: `Bearer ${newToken('default')}` }]) {
      const response = await fetch(app.url + path, { headers });
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
  },
);

test.each(['/subscribe?all=true', '/diagnose/stream'])('No cache keeps the event stream %s.', async (path) => {
  await using app = await startTestApp();
  await using client = await SseClient.connect(app.port, path);
  expect(Object.fromEntries(client.head.headers)).toMatchObject({
    'cache-control': 'no-cache, no-store, no-transform',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  });
});

test('Bytes that are not a request are refused with an answer that no cache keeps.', async () => {
  await using app = await startTestApp();
  const socket = connect(app.port, '127.0.0.1');
  socket.write('GET / HTTP/9.9\r\n\r\n');
  expect(await text(socket)).toContain('\r\nCache-Control: no-store\r\n');
});

test.each(['/docs', '/docs/page.js', '/reference', '/reference/page.js', '/browse', '/common/common.css', '/diagnose'])(
  'The file %s, the same for every client, is revalidated each time.',
  async (path) => {
    await using app = await startTestApp();
    expect((await app.get(path)).headers.get('cache-control')).toMatch(/no-cache|max-age=0/);
  },
);
