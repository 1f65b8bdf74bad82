import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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

/** A client of the tenant with a token of this scope. */
async function scoped(scope: string): Promise<RpcClient> {
  return new RpcClient(app.url, (await admin.call('ns.token.create', id, { scope })).token);
}

describe('Scopes', () => {
  const reads = [
    ['stream.get', 'a-1'],
    ['stream.last', 'a-1'],
    ['stream.version', 'a-1'],
    ['category.get', 'a'],
    ['ns.streams'],
    ['ns.categories'],
    ['ns.list'],
    ['sys.version'],
    ['sys.health'],
  ];

  test('A token with scope read may read, and nothing else.', async () => {
    const reader = await scoped('read');
    for (const body of [...reads, ['ns.info', id]]) expect((await reader.ask(...body)).status).toBe(200);
    const others = [
      ['stream.write', 'a-1', message],
      ['ns.create', 'x'],
      ['ns.delete', id],
      ['ns.token.create', id],
      ['ns.token.list', id],
      ['ns.token.revoke', id, 'x'],
    ];
    for (const body of others) expect(await reader.refusal(...body)).toEqual([403, 'AUTH_UNAUTHORIZED']);
  });

  test('A token with scope write may read and write, but not administer.', async () => {
    const writer = await scoped('write');
    for (const body of reads) expect((await writer.ask(...body)).status).toBe(200);
    expect((await writer.ask('stream.write', 'a-1', message)).status).toBe(200);
    expect(await writer.refusal('ns.delete', id)).toEqual([403, 'AUTH_UNAUTHORIZED']);
    expect(await writer.refusal('ns.token.create', id)).toEqual([403, 'AUTH_UNAUTHORIZED']);
  });

  test('A token with scope admin administers its own namespace.', async () => {
    const manager = await scoped('admin');
    const { tokenId } = await manager.call('ns.token.create', id, {});
    expect(await manager.call('ns.token.list', id)).toHaveLength(3);
    await manager.call('ns.token.revoke', id, tokenId);
    expect((await manager.ask('ns.delete', id)).status).toBe(200);
  });

  test('The scope is checked before the arguments.', async () => {
    const reader = await scoped('read');
    expect(await reader.refusal('stream.write')).toEqual([403, 'AUTH_UNAUTHORIZED']);
  });
});

describe('Tokens', () => {
  test('A token is created with its label, scope and expiry, and with scope read by default.', async () => {
    const made = await admin.call('ns.token.create', id, {
      label: 'CI',
      scope: 'write',
      expiresAt: '2099-01-01T01:00:00+01:00',
    });
    expect(made).toEqual({
      namespace: id,
      tokenId: expect.any(String),
      label: 'CI',
      scope: 'write',
      createdAt: time,
      expiresAt: '2099-01-01T00:00:00.000Z',
      token: expect.stringMatching(/^ns_[\w-]+_[0-9a-f]{64}$/),
    });
    const plain = await admin.call('ns.token.create', id, null);
    expect(plain).toMatchObject({ label: '', scope: 'read', expiresAt: null });
  });

  test('A list of tokens contains neither their texts nor their hashes.', async () => {
    const { token, namespace: _id, ...made } = await admin.call('ns.token.create', id, { label: 'CI' });
    const answer = await tenant.ask('ns.token.list', id);
    expect(answer.body).toEqual([expect.objectContaining({ label: 'first', scope: 'admin' }), made]);
    expect(answer.text).not.toContain(token);
    expect(answer.text).not.toMatch(/[0-9a-f]{64}|hash/);
  });

  test('A revoked token stops working, and the others continue to work.', async () => {
    const { token, tokenId } = await tenant.call('ns.token.create', id, { scope: 'write' });
    const writer = new RpcClient(app.url, token);
    await writer.write('a-1', message);
    const revoked = await tenant.call('ns.token.revoke', id, tokenId);
    expect(revoked).toEqual({ namespace: id, tokenId, revokedAt: time });
    expect(await writer.refusal('sys.version')).toEqual([403, 'AUTH_UNAUTHORIZED']);
    expect(await tenant.get('a-1')).toHaveLength(1);
    expect(await tenant.refusal('ns.token.revoke', id, tokenId)).toEqual([400, 'INVALID_REQUEST']);
  });

  test('A token may revoke itself once there is another one.', async () => {
    const [first] = await tenant.call('ns.token.list', id);
    const { token } = await tenant.call('ns.token.create', id, { scope: 'admin' });
    await tenant.call('ns.token.revoke', id, first.tokenId);
    expect((await tenant.ask('sys.version')).status).toBe(403);
    expect((await new RpcClient(app.url, token).ask('sys.version')).status).toBe(200);
  });

  test('Tokens created concurrently all work.', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => tenant.call('ns.token.create', id, {})));
    for (const { token } of made) expect((await new RpcClient(app.url, token).ask('sys.version')).status).toBe(200);
  });

  test('A namespace has 100 tokens at most.', async () => {
    for (let n = 1; n < 100; n++) await tenant.call('ns.token.create', id, {});
    expect(await tenant.refusal('ns.token.create', id, {})).toEqual([400, 'INVALID_REQUEST']);
  });

  test.each([
    ['no namespace', 'create', []],
    ['a label that is a number', 'create', ['', { label: 1 }]],
    ['a label of 257 characters', 'create', ['', { label: 'x'.repeat(257) }]],
    ['an unknown scope', 'create', ['', { scope: 'root' }]],
    ['a scope in upper case', 'create', ['', { scope: 'Read' }]],
    ['an expiry that is a number', 'create', ['', { expiresAt: 4_102_444_800_000 }]],
    ['an expiry that is no time', 'create', ['', { expiresAt: 'tomorrow' }]],
    ['an expiry without zone', 'create', ['', { expiresAt: '2099-01-01T00:00:00' }]],
    ['an expiry on a day that is not', 'create', ['', { expiresAt: '2099-13-41T00:00:00Z' }]],
    ['an expiry in the past', 'create', ['', { expiresAt: '2001-01-01T00:00:00Z' }]],
    ['options that are an array', 'create', ['', []]],
    ['no namespace', 'list', []],
    ['no token id', 'revoke', ['']],
    ['an unknown token id', 'revoke', ['', 'nothing']],
    ['a token id that is a number', 'revoke', ['', 1]],
  ])('%s is refused by ns.token.%s.', async (_what, method, args) => {
    const given = args.map((arg) => (arg === '' ? id : arg));
    expect(await admin.refusal(`ns.token.${method}`, ...given)).toEqual([400, 'INVALID_REQUEST']);
  });

  test('An operator gets an error for the tokens of a namespace that does not exist.', async () => {
    for (const body of [
      ['ns.token.create', 'nobody'],
      ['ns.token.list', 'nobody'],
      ['ns.token.revoke', 'nobody', 'x'],
    ]) {
      expect(await admin.refusal(...body)).toEqual([404, 'NAMESPACE_NOT_FOUND']);
    }
  });
});
