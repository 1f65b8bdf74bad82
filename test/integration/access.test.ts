import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { attendingServers } from '../support/routes.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken as admin, RpcClient } from './rpc-client.ts';

const message = { type: 'Happened', data: {} };

const ask = (app: TestApp, path: string, token?: string, init: RequestInit = {}) =>
  fetch(app.url + path, {
    ...init,
    headers: { ...init.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  });

test.each([
  ['no credential', undefined, 401, 'AUTH_REQUIRED'],
  ['an empty token', '', 401, 'AUTH_REQUIRED'],
  ['text that is no token', 'secret', 401, 'AUTH_INVALID_TOKEN'],
  ['a short secret', 'ns_ZGVmYXVsdA_00', 401, 'AUTH_INVALID_TOKEN'],
  ['a namespace that is not base64url', `ns_ZGVm YXVsdA_${'0'.repeat(64)}`, 401, 'AUTH_INVALID_TOKEN'],
  ['the right namespace with a wrong secret', `ns_ZGVmYXVsdA_${'1'.repeat(64)}`, 403, 'AUTH_UNAUTHORIZED'],
  ['a namespace that does not exist', newToken('nobody'), 403, 'AUTH_UNAUTHORIZED'],
])('With tokens, %s is refused on every route, and the valid token is not.', async (_what, token, status, code) => {
  await using app = await startTestApp(['--token', admin]);
  const paths = [
    '/streams',
    '/streams/a-1',
    '/categories',
    '/subscribe?all=true',
    '/metrics',
    '/docs',
    '/openapi.json',
    '/reference',
  ];
  for (const path of paths) {
    const refused = await ask(app, path, token);
    expect([path, refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([
      path,
      status,
      code,
    ]);
  }
  const append = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(message) };
  expect((await ask(app, '/streams/a-1/messages', token, append)).status).toBe(status);
  expect((await ask(app, '/streams/a-1/messages', admin, append)).status).toBe(201);
});

test('Health, readiness, version and unknown paths need no token.', async () => {
  await using app = await startTestApp(['--token', admin]);
  for (const path of ['/health', '/ready', '/version']) expect((await ask(app, path)).status).toBe(200);
  expect((await ask(app, '/nowhere')).status).toBe(404);
});

test('A route without a declared scope needs the scope admin.', async () => {
  const answer = async () => 'in';
  await using app = await attendingServers(
    (fastify) => {
      fastify.get('/unsaid', answer);
      fastify.post('/unsaid', { config: {} }, answer);
      fastify.register(async (scope) => {
        scope.get('/unsaid/below', answer);
      });
    },
    () => startTestApp(['--token', admin]),
  );
  const operator = new RpcClient(app.url, admin);
  const { token: read } = await operator.call('ns.token.create', 'default', { scope: 'read' });
  const { token: write } = await operator.call('ns.token.create', 'default', { scope: 'write' });
  for (const [path, method] of [
    ['/unsaid', 'GET'],
    ['/unsaid', 'HEAD'],
    ['/unsaid', 'POST'],
    ['/unsaid/below', 'GET'],
  ] as const) {
    const statuses = [];
    for (const token of [undefined, read, write, admin]) {
      statuses.push((await ask(app, path, token, { method })).status);
    }
    expect([path, method, ...statuses]).toEqual([path, method, 401, 403, 403, 200]);
  }
});

test('The query parameter token is accepted on every route, and takes precedence over the header.', async () => {
  await using app = await startTestApp(['--token', admin]);
  expect((await ask(app, `/streams?token=${admin}`, 'nonsense')).status).toBe(200);
  expect((await ask(app, '/streams?token=', admin)).status).toBe(200);
  expect((await ask(app, `/streams?token=nonsense`, admin)).status).toBe(401);
  await using client = await SseClient.connect(app.port, `/subscribe?all=true&token=${admin}`);
  expect(client.head.status).toBe(200);
});

describe('A token of a namespace that does not exist', () => {
  const idsOf = async (app: TestApp) => (await app.namespaces.list()).map(({ id }) => id);
  const write = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(message) };
  const rpc = (...call: unknown[]) => ({ method: 'POST', body: JSON.stringify(call) });
  const reads: readonly [path: string, init: RequestInit][] = [
    ...['/streams', '/streams/a-1/messages', '/categories', '/subscribe?all=true'].flatMap(
      (path): [string, RequestInit][] => [
        [path, {}],
        [path, { method: 'HEAD' }],
      ],
    ),
    ['/export', {}],
    ['/subscribe/ticket', { ...write, body: '{"all":true}' }],
    ['/rpc', rpc('stream.get', 'a-1')],
    ['/rpc', rpc('category.get', 'a')],
    ['/rpc', rpc('ns.streams')],
  ];

  test.each([[['--test-mode']], [['--auth', 'off']]])(
    'creates no namespace if nothing is written, without authentication: %j',
    async (flags) => {
      await using app = await startTestApp(flags);
      for (const [path, init] of reads) {
        const { status } = await ask(app, path, newToken('made-up'), init);
        expect([path, init, status]).toEqual([path, init, 404]);
      }
      for (const call of [['sys.health'], ['ns.list'], ['ns.info', 'default']]) {
        expect((await ask(app, '/rpc', newToken('made-up'), rpc(...call))).status).toBe(200);
      }
      expect(await idsOf(app)).toEqual(['default']);
    },
  );

  test('creates no namespace by a write either, except in test mode.', async () => {
    await using app = await startTestApp(['--auth', 'off']);
    expect((await ask(app, '/streams/a-1/messages', newToken('made-up'), write)).status).toBe(404);
    const call = rpc('stream.write', 'a-1', message);
    expect((await ask(app, '/rpc', newToken('made-up'), call)).status).toBe(404);
    expect(await idsOf(app)).toEqual(['default']);
  });

  test('creates no more than --max-namespaces by writes in test mode.', async () => {
    await using app = await startTestApp(['--test-mode', '--max-namespaces', '3']);
    const answers = [];
    for (const id of ['a', 'b', 'c', 'a']) {
      answers.push(await ask(app, '/streams/a-1/messages', newToken(id), write));
    }
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 507, 201]);
    expect(await answers[2]!.json()).toMatchObject({
      error: { code: 'TOO_MANY_NAMESPACES', details: { maxNamespaces: 3 } },
    });
  });
});

test('The metrics token allows /metrics and nothing else.', async () => {
  await using app = await startTestApp(['--token', admin, '--metrics-token', 'scrape']);
  expect((await ask(app, '/metrics', 'scrape')).status).toBe(200);
  expect((await ask(app, '/metrics', admin)).status).toBe(200);
  expect((await ask(app, '/metrics', 'scrap')).status).toBe(401);
  expect((await ask(app, '/streams', 'scrape')).status).toBe(401);
});

test('In test mode a token names its namespace, which the first write creates with a separate log.', async () => {
  await using app = await startTestApp(['--test-mode']);
  const append = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(message) };
  const other = newToken('tenant_a');
  await ask(app, '/streams/a-1/messages', undefined, append);
  const answer = (await (await ask(app, '/streams/a-2/messages', other, append)).json()) as { globalPosition: number };
  expect(answer.globalPosition).toBe(1);
  await using client = await SseClient.connect(app.port, `/subscribe?category=a&token=${other}`);
  await client.waitForPokes(1);
  expect(client.pokes).toMatchObject([{ stream: 'a-2', globalPosition: 1 }]);
  expect((await app.get('/streams')).body.streams).toMatchObject([{ stream: 'a-1' }]);
});
