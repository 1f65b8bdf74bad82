import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { version } from '../../src/version.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken, RpcClient } from './rpc-client.ts';

const message = { type: 'Happened', data: {} };
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

let app: TestApp;
let admin: RpcClient;
let tenant: RpcClient;
let id: string;
let namespaces = 0;

beforeAll(async () => {
  app = await startTestApp([`--token=${adminToken}`]);
  admin = new RpcClient(app.url, adminToken);
});

afterAll(() => app.close());

beforeEach(async () => {
  id = `tenant-${namespaces++}`;
  tenant = await admin.tenant(id);
});

describe('ns.create (section 6)', () => {
  test('returns the id, a working token, and the time.', async () => {
    const created = await admin.createNamespace(`${id}-made`, { description: 'Made', metadata: { any: null } });
    expect(created).toEqual({ namespace: `${id}-made`, token: expect.stringMatching(/^ns_/), createdAt: time });
    const client = new RpcClient(app.url, created.token);
    expect(await client.write('a-1', message)).toEqual({ position: 0, globalPosition: 1 });
    expect(await client.call('ns.info', `${id}-made`)).toMatchObject({
      description: 'Made',
      createdAt: created.createdAt,
    });
  });

  test('accepts a given token and returns it.', async () => {
    const token = `ns_${Buffer.from(`${id}-own`).toString('base64url')}_${'A0'.repeat(32)}`;
    expect((await admin.createNamespace(`${id}-own`, { token })).token).toBe(token);
    expect(await new RpcClient(app.url, token).get('a-1')).toEqual([]);
    expect((await new RpcClient(app.url, token.replace('A0', 'a0')).ask('sys.version')).status).toBe(403);
  });

  test('treats null options and members as absent, and then the description is empty.', async () => {
    expect((await admin.ask('ns.create', `${id}-a`, null)).status).toBe(200);
    expect((await admin.ask('ns.create', `${id}-b`)).status).toBe(200);
    const options = { description: null, token: null, metadata: null };
    expect((await admin.ask('ns.create', `${id}-c`, options)).status).toBe(200);
    expect((await admin.call('ns.info', `${id}-c`)).description).toBe('');
  });

  test('of an existing id is a conflict.', async () => {
    const { status, body } = await admin.ask('ns.create', id);
    expect([status, body.error.code, body.error.details]).toEqual([409, 'NAMESPACE_EXISTS', { namespace: id }]);
    expect((await admin.ask('ns.create', 'default')).status).toBe(409);
  });

  test.each([
    ['no id', []],
    ['an empty id', ['']],
    ['an id that is a number', [1]],
    ['an id that is null', [null]],
    ['an id with a path', ['../other']],
    ['an id with a slash', ['a/b']],
    ['an id with a NUL', ['a\u0000']],
    ['an id with a line end', ['a\n']],
    ['an id with a space', ['a b']],
    ['an id that begins with a dot', ['.a']],
    ['an id that begins with a hyphen', ['-a']],
    ['an id that begins with an underscore', ['_a']],
    ['an id beyond ASCII', ['tenänt']],
    ['an id of 129 characters', ['x'.repeat(129)]],
    ['options that are an array', ['new', []]],
    ['options that are a string', ['new', 'x']],
    ['a description that is a number', ['new', { description: 1 }]],
    ['metadata that is an array', ['new', { metadata: [] }]],
    ['metadata that is a string', ['new', { metadata: 'x' }]],
    ['a token that is a number', ['new', { token: 1 }]],
    ['an empty token', ['new', { token: '' }]],
    ['a malformed token', ['new', { token: 'ns_x' }]],
    ['a token of another namespace', ['new', { token: newToken('other') }]],
  ])('refuses %s.', async (_what, args) => {
    expect(await admin.refusal('ns.create', ...args)).toEqual([400, 'INVALID_REQUEST']);
  });

  test.each(['a', '0', 'A.b_c-d', 'x'.repeat(128), 'test-write-001-1712345678901-ab12cd3', 't_0_lx3k_9f2a'])(
    'takes the id %s.',
    async (given) => {
      expect((await admin.createNamespace(given)).namespace).toBe(given);
    },
  );

  test('distinguishes ids that differ by case, hyphen or underscore.', async () => {
    for (const given of ['fold-a', 'fold_a', 'Fold-a']) {
      const client = await admin.tenant(given);
      expect(await client.write('a-1', message)).toEqual({ position: 0, globalPosition: 1 });
    }
  });
});

describe('ns.delete (section 6)', () => {
  test('returns the number of messages, and the token stops working at once.', async () => {
    for (let n = 0; n < 5; n++) await tenant.write(`a-${n}`, message);
    expect(await admin.call('ns.delete', id)).toEqual({ namespace: id, deletedAt: time, messagesDeleted: 5 });
    expect(await tenant.refusal('stream.get', 'a-1')).toEqual([403, 'AUTH_UNAUTHORIZED']);
    expect(await admin.refusal('ns.delete', id)).toEqual([404, 'NAMESPACE_NOT_FOUND']);
    expect(await admin.refusal('ns.info', id)).toEqual([404, 'NAMESPACE_NOT_FOUND']);
  });

  test('allows a new namespace with the same id, which has nothing of the old one.', async () => {
    await tenant.write('a-1', message);
    await admin.call('ns.delete', id);
    const again = await admin.tenant(id);
    expect(await again.category('')).toEqual([]);
    // The new namespace's streams start over; its log starts after the old one, so that it accepts no old cursor.
    expect(await again.write('a-1', message)).toEqual({ position: 0, globalPosition: 3 });
    expect((await tenant.ask('sys.version')).status).toBe(403);
  });

  test('ends the subscriptions of the namespace.', async () => {
    await using client = await SseClient.connect(app.port, `/subscribe?all=true&token=${tenant.token}`);
    await admin.call('ns.delete', id);
    await client.closed;
    expect(client.events.at(-1)).toMatchObject({ type: 'end' });
  });

  test('of the own namespace is allowed.', async () => {
    expect((await tenant.call('ns.delete', id)).messagesDeleted).toBe(0);
  });

  test('of default is refused, because its tokens administer the server.', async () => {
    expect(await admin.refusal('ns.delete', 'default')).toEqual([400, 'INVALID_REQUEST']);
    expect(await tenant.refusal('ns.delete', 'default')).toEqual([403, 'AUTH_UNAUTHORIZED']);
  });

  test('of default is possible in test mode only, and the next write recreates it.', async () => {
    await using closed = await startTestApp(['--auth', 'off']);
    expect(await new RpcClient(closed.url).refusal('ns.delete', 'default')).toEqual([400, 'INVALID_REQUEST']);
    await using open = await startTestApp(['--test-mode', `--token=${adminToken}`]);
    const client = new RpcClient(open.url);
    await client.write('a-1', message);
    expect((await client.call('ns.delete', 'default')).messagesDeleted).toBe(1);
    expect(await new RpcClient(open.url).write('a-1', message)).toEqual({ position: 0, globalPosition: 3 });
    expect(await new RpcClient(open.url, adminToken).version('a-1')).toBe(0);
  });

  test.each([[[]], [['']], [[1]], [[null]]])('with the arguments %j is refused.', async (args) => {
    expect(await admin.refusal('ns.delete', ...args)).toEqual([400, 'INVALID_REQUEST']);
    expect(await admin.refusal('ns.info', ...args)).toEqual([400, 'INVALID_REQUEST']);
  });
});

describe('ns.list and ns.info (section 6)', () => {
  test('ns.info returns exact counts.', async () => {
    const empty = await admin.call('ns.info', id);
    expect(empty).toEqual({
      namespace: id,
      description: '',
      createdAt: time,
      messageCount: 0,
      streamCount: 0,
      lastActivity: null,
    });
    for (const stream of ['a-1', 'a-1', 'b-1']) await tenant.write(stream, message);
    const [, , , , , , lastActivity] = (await tenant.last('b-1'))!;
    expect(await admin.call('ns.info', id)).toEqual({ ...empty, messageCount: 3, streamCount: 2, lastActivity });
  });

  test('ns.list returns all namespaces to an operator, whatever the arguments.', async () => {
    await tenant.write('a-1', message);
    const listed = await admin.call('ns.list', 'ignored', {});
    expect(listed).toContainEqual({ namespace: id, description: '', createdAt: time, messageCount: 1 });
    expect(listed).toContainEqual({
      namespace: 'default',
      description: 'Default namespace',
      createdAt: time,
      messageCount: 0,
    });
  });

  test('ns.list returns only their own namespace to other tokens.', async () => {
    expect(await tenant.call('ns.list')).toEqual([
      { namespace: id, description: '', createdAt: time, messageCount: 0 },
    ]);
  });
});

describe('Other namespaces (section 13, D1)', () => {
  test.each([
    ['ns.create', ['fresh']],
    ['ns.create', ['default']],
    ['ns.delete', ['default']],
    ['ns.delete', ['nobody']],
    ['ns.info', ['default']],
    ['ns.info', ['nobody']],
    ['ns.token.create', ['default']],
    ['ns.token.create', ['nobody']],
    ['ns.token.list', ['default']],
    ['ns.token.list', ['nobody']],
    ['ns.token.revoke', ['default', 'x']],
    ['ns.token.revoke', ['nobody', 'x']],
  ])('%s %j is refused to a tenant in the same words, whether the target exists or not.', async (method, args) => {
    const { status, body } = await tenant.ask(method, ...args);
    expect([status, body.error]).toEqual([
      403,
      {
        code: 'AUTH_UNAUTHORIZED',
        message: 'Only an admin token of default may do this in other namespaces.',
        details: { namespace: id },
      },
    ]);
  });

  test('A token of default without scope admin is not an operator.', async () => {
    const { token } = await admin.call('ns.token.create', 'default', { scope: 'write' });
    const writer = new RpcClient(app.url, token);
    expect(await writer.call('ns.list')).toHaveLength(1);
    expect(await writer.refusal('ns.info', id)).toEqual([403, 'AUTH_UNAUTHORIZED']);
    expect(await writer.refusal('ns.create', 'fresh')).toEqual([403, 'AUTH_UNAUTHORIZED']);
  });

  test('In test mode any or no credential manages every namespace.', async () => {
    await using open = await startTestApp(['--test-mode']);
    const anybody = new RpcClient(open.url, newToken('somebody'));
    const { token } = await anybody.createNamespace('made');
    // An SDK without a token adopts that of the first namespace it creates.
    const maker = new RpcClient(open.url, token);
    await maker.createNamespace('made-by-tenant');
    expect(await maker.call('ns.delete', 'made-by-tenant')).toMatchObject({ namespace: 'made-by-tenant' });
    expect((await maker.call('ns.list')).map((entry: { namespace: string }) => entry.namespace)).toEqual([
      'default',
      'made',
    ]);
    // The token may still administrate namespaces after its own was deleted.
    await maker.call('ns.delete', 'made');
    await maker.createNamespace('made-later');
    expect(await maker.refusal('ns.streams')).toEqual([404, 'NAMESPACE_NOT_FOUND']);
    expect((await open.namespaces.list()).map(({ id }) => id)).toEqual(['default', 'made-later']);
  });
});

describe('ns.streams and ns.categories (section 6)', () => {
  const names = ['a', 'a-1', 'a_1', 'A-1', 'b-%', 'b-x', 'ä-1', '\u{10000}-1', '\uffff-1'];

  beforeEach(async () => {
    for (const name of names) await tenant.write(name, message);
    await tenant.write('a-1', message);
  });

  const listed = async (...args: unknown[]) =>
    (await tenant.call('ns.streams', ...args)).map(({ stream }: { stream: string }) => stream);

  test('ns.streams returns name, version and time, sorted by UTF-8 bytes.', async () => {
    const streams = await tenant.call('ns.streams');
    expect(streams[1]).toEqual({ stream: 'a', version: 0, lastActivity: time });
    expect(streams[2]).toEqual({ stream: 'a-1', version: 1, lastActivity: time });
    // U+10000 sorts after U+FFFF by bytes, before it by UTF-16 units.
    expect(await listed()).toEqual(['A-1', 'a', 'a-1', 'a_1', 'b-%', 'b-x', 'ä-1', '\uffff-1', '\u{10000}-1']);
  });

  test.each([
    [{ prefix: 'a' }, ['a', 'a-1', 'a_1']],
    [{ prefix: 'a_' }, ['a_1']],
    [{ prefix: 'b-%' }, ['b-%']],
    [{ prefix: '%' }, []],
    [{ prefix: 'a', cursor: 'a' }, ['a-1', 'a_1']],
    [{ cursor: 'ä-1' }, ['\uffff-1', '\u{10000}-1']],
    [{ limit: 2 }, ['A-1', 'a']],
    [{ limit: 2, cursor: 'a' }, ['a-1', 'a_1']],
    [{ cursor: '\u{10000}-1' }, []],
    [
      { prefix: null, cursor: null, limit: null },
      ['A-1', 'a', 'a-1', 'a_1', 'b-%', 'b-x', 'ä-1', '\uffff-1', '\u{10000}-1'],
    ],
    [
      { prefix: '', cursor: '', limit: 1_000 },
      ['A-1', 'a', 'a-1', 'a_1', 'b-%', 'b-x', 'ä-1', '\uffff-1', '\u{10000}-1'],
    ],
  ])('ns.streams with %j returns %j.', async (options, expected) => {
    expect(await listed(options)).toEqual(expected);
  });

  test.each([
    [[]],
    ['x'],
    [{ limit: 0 }],
    [{ limit: 1_001 }],
    [{ limit: -1 }],
    [{ limit: 1.5 }],
    [{ limit: '5' }],
    [{ prefix: 1 }],
    [{ cursor: 1 }],
  ])('ns.streams with %j is refused.', async (options) => {
    expect(await tenant.refusal('ns.streams', options)).toEqual([400, 'INVALID_REQUEST']);
  });

  test('ns.streams returns 100 streams by default.', async () => {
    for (let n = 0; n < 101; n++) await tenant.write(`many-${n}`, message);
    expect(await listed({ prefix: 'many-' })).toHaveLength(100);
    expect(await listed({ prefix: 'many-', limit: 1_000 })).toHaveLength(101);
  });

  test('ns.categories returns every category with its counts, sorted, whatever the arguments.', async () => {
    const categories = await tenant.call('ns.categories', { limit: 0 });
    expect(categories.map(({ category }: { category: string }) => category)).toEqual([
      'A',
      'a',
      'a_1',
      'b',
      'ä',
      '\uffff',
      '\u{10000}',
    ]);
    expect(categories[1]).toEqual({ category: 'a', streamCount: 2, messageCount: 3 });
  });

  test('ns.categories has no pages.', async () => {
    const count = 2_000;
    for (let n = 0; n < count; n++) await app.append(`c${n}`, message, `token=${tenant.token}`);
    expect(await tenant.call('ns.categories')).toHaveLength(count + 7);
  });

  test('A namespace lists only its own streams.', async () => {
    const other = await admin.tenant(`${id}-other`);
    expect(await other.call('ns.streams')).toEqual([]);
    expect(await other.call('ns.categories')).toEqual([]);
  });
});

describe('sys.version and sys.health (section 6)', () => {
  test('sys.version returns the same as /version.', async () => {
    expect(await tenant.call('sys.version')).toBe(version);
    expect((await app.get('/version')).body).toEqual({ version });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('sys.health counts the open subscriptions.', async () => {
    expect(await tenant.call('sys.health')).toEqual({ status: 'ok', backend: 'memory', connections: 0 });
    await using _client = await SseClient.connect(app.port, `/subscribe?all=true&token=${tenant.token}`);
    expect(await tenant.call('sys.health')).toMatchObject({ connections: 1 });
  });
});
