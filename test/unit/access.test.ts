import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Access, withNamespace } from '../../src/access/access.ts';
import { defaultNamespaceId, maxTokens, Namespaces } from '../../src/access/namespaces.ts';
import { newToken } from '../../src/access/token.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

function storeInMemory(): FakeStore {
  return new FakeStore({ pokes: pokePool() });
}

function create(store = storeInMemory()) {
  return new Namespaces(store);
}

/** A store on a simulated network, which finds namespaces a turn later. */
function slowStore(): FakeStore {
  const store = storeInMemory();
  const { find } = store.namespaces;
  store.namespaces.find = async (id) => {
    const found = await find.call(store.namespaces, id);
    await nextTurn();
    return found;
  };
  return store;
}

const scopeRead = { label: 'reader', scope: 'read', expiresAtMs: undefined } as const;

test('A further token works with its scope, and stops working once it is revoked.', async () => {
  const namespaces = create();
  const access = new Access('token', namespaces);
  await namespaces.openDefault(newToken(defaultNamespaceId));
  const { token, id } = await namespaces.createToken(defaultNamespaceId, scopeRead);
  expect(await access.check(token)).toMatchObject({ scope: 'read', tokenId: id, isOperator: false });
  await namespaces.revokeToken(defaultNamespaceId, id);
  await expect(access.check(token)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
});

test('An expired token does not work.', async () => {
  const namespaces = create();
  await namespaces.openDefault(newToken(defaultNamespaceId));
  const { token } = await namespaces.createToken(defaultNamespaceId, { ...scopeRead, expiresAtMs: Date.now() });
  await expect(new Access('token', namespaces).check(token)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
});

test('Tokens created and revoked concurrently are all created and all revoked.', async () => {
  const namespaces = create();
  await namespaces.openDefault(newToken(defaultNamespaceId));
  const old = await Promise.all([1, 2, 3].map(() => namespaces.createToken(defaultNamespaceId, scopeRead)));
  const changes = old.flatMap(({ id }) => [
    namespaces.revokeToken(defaultNamespaceId, id),
    namespaces.createToken(defaultNamespaceId, scopeRead),
  ]);
  await Promise.all(changes);
  const { tokens } = await namespaces.get(defaultNamespaceId);
  expect(tokens).toHaveLength(1 + 3);
  for (const { id } of old) expect(tokens.map((token) => token.id)).not.toContain(id);
});

test('Tokens that several nodes create and revoke concurrently are all created and all revoked.', async () => {
  const store = slowStore();
  const nodes = [create(store), create(store), create(store)];
  await nodes[0]!.openDefault(newToken(defaultNamespaceId));
  const made = await Promise.all(
    nodes.flatMap((node) => [1, 2, 3].map(() => node.createToken(defaultNamespaceId, scopeRead))),
  );
  expect((await nodes[0]!.get(defaultNamespaceId)).tokens).toHaveLength(1 + 9);
  const changes = made.flatMap(({ id }, index) => [
    nodes[index % 3]!.revokeToken(defaultNamespaceId, id),
    nodes[(index + 1) % 3]!.createToken(defaultNamespaceId, scopeRead),
  ]);
  await Promise.all(changes);
  const ids = (await nodes[0]!.get(defaultNamespaceId)).tokens.map(({ id }) => id);
  expect(ids).toHaveLength(1 + 9);
  for (const { id } of made) expect(ids).not.toContain(id);
});

test('The token of a start replaces those of the previous start, and stays if it is the same.', async () => {
  const store = storeInMemory();
  const [first, second] = [newToken(defaultNamespaceId), newToken(defaultNamespaceId)];
  const open = async (token: string) => {
    const namespaces = create(store);
    const became = await namespaces.openDefault(token);
    const { tokenId } = await new Access('token', namespaces).check(token);
    return { namespaces, became, tokenId, count: (await namespaces.get(defaultNamespaceId)).tokens.length };
  };
  const opened = await open(first);
  const again = await open(first);
  expect([opened.became, again.became, again.tokenId]).toEqual(['made', 'kept', opened.tokenId]);
  await again.namespaces.createToken(defaultNamespaceId, scopeRead);
  expect(await open(first)).toMatchObject({ became: 'replaced', tokenId: opened.tokenId, count: 1 });
  expect(await open(second)).toMatchObject({ became: 'replaced', count: 1 });
  await expect(new Access('token', again.namespaces).check(first)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
});

test('A generated token does not replace tokens that a store has kept.', async () => {
  const store = storeInMemory();
  const chosen = newToken(defaultNamespaceId);
  await create(store).openDefault(chosen);
  await create(store).createToken(defaultNamespaceId, scopeRead);
  const later = create(store);
  expect(await later.openDefault(newToken(defaultNamespaceId), false)).toBe('kept');
  expect((await later.get(defaultNamespaceId)).tokens).toHaveLength(2);
  expect(await new Access('token', later).check(chosen)).toMatchObject({ scope: 'admin' });
});

test('The last admin token of default that does not expire cannot be revoked, because nobody could create another.', async () => {
  const namespaces = create();
  await namespaces.openDefault(newToken(defaultNamespaceId));
  const [first] = (await namespaces.get(defaultNamespaceId)).tokens;
  const revoke = (id: string) => namespaces.revokeToken(defaultNamespaceId, id);
  const createToken = (scope: 'write' | 'admin', expiresAtMs?: number) =>
    namespaces.createToken(defaultNamespaceId, { label: '', scope, expiresAtMs });
  await createToken('write');
  await createToken('admin', Date.now() + 60_000);
  await expect(revoke(first!.id)).rejects.toThrow('the last admin token of default that does not expire');
  const second = await createToken('admin');
  await revoke(first!.id);
  await expect(revoke(second.id)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  await expect(Promise.all([revoke((await createToken('admin')).id), revoke(second.id)])).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  });
});

test('The last admin token of another namespace can be revoked, because the operator can create one.', async () => {
  const namespaces = create();
  const { namespace } = await namespaces.create({ id: 'tenant', description: '', token: undefined });
  await namespaces.revokeToken('tenant', namespace.tokens[0]!.id);
  expect((await namespaces.get('tenant')).tokens).toEqual([]);
});

test('A refused change does not prevent the next one.', async () => {
  const namespaces = create();
  await namespaces.openDefault(newToken(defaultNamespaceId));
  const refused = namespaces.revokeToken(defaultNamespaceId, 'unknown');
  const made = namespaces.createToken(defaultNamespaceId, scopeRead);
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  expect(await made).toMatchObject({ scope: 'read' });
});

test('A namespace has a bounded number of tokens.', async () => {
  const namespaces = create();
  await namespaces.openDefault(newToken(defaultNamespaceId));
  for (let made = 1; made < maxTokens; made++) await namespaces.createToken(defaultNamespaceId, scopeRead);
  await expect(namespaces.createToken(defaultNamespaceId, scopeRead)).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  });
});

test('Without authentication, the grant of requests without a credential is cached until a namespace changes.', async () => {
  const namespaces = create();
  const access = new Access('off', namespaces, true);
  await namespaces.openDefault(newToken(defaultNamespaceId));
  expect(access.open).toBeUndefined();
  const grant = await access.check(undefined);
  expect(access.open).toBe(grant);
  await namespaces.remove(defaultNamespaceId);
  expect(access.open).toBeUndefined();
  // The next write recreates it, as a different namespace.
  const next = await withNamespace(await access.check(undefined), true);
  expect(next.namespace.log).not.toBe(grant.namespace.log);
  expect((await access.check(undefined)).namespace.log).toBe(next.namespace.log);
  expect(access.open?.namespace.log).toBe(next.namespace.log);
});

/** Two nodes over one store; the first has given a grant to requests without credentials. */
async function twoNodes(store: FakeStore) {
  const [here, elsewhere] = [create(store), create(store)];
  const access = new Access('off', here);
  await here.openDefault(newToken(defaultNamespaceId));
  const { namespace } = await access.check(undefined);
  await elsewhere.remove(defaultNamespaceId);
  await elsewhere.openDefault(newToken(defaultNamespaceId));
  return { access, namespace };
}

test('A change of the cached namespace by another node is known at once by a hint of the store.', async () => {
  const { access, namespace } = await twoNodes(storeInMemory());
  expect(access.open).toBeUndefined();
  expect((await access.check(undefined)).namespace.log).not.toBe(namespace.log);
});

test('A change of the cached namespace by another node is known within a second, even if the hint is lost.', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const store = storeInMemory();
  store.namespaces.follow = () => () => {};
  const { access, namespace } = await twoNodes(store);
  vi.advanceTimersByTime(999);
  expect(access.open?.namespace.log).toBe(namespace.log);
  vi.advanceTimersByTime(1);
  expect(access.open).toBeUndefined();
  const { log } = (await access.check(undefined)).namespace;
  expect([log === namespace.log, access.open?.namespace.log]).toEqual([false, log]);
});

test('A grant whose namespace changes during the look-up is not cached.', async () => {
  const store = slowStore();
  const [here, elsewhere] = [create(store), create(store)];
  const access = new Access('off', here);
  await here.openDefault(newToken(defaultNamespaceId));
  const checking = access.check(undefined);
  await elsewhere.remove(defaultNamespaceId);
  await checking;
  expect(access.open).toBeUndefined();
});

test('A token of another namespace never becomes the grant of requests without a credential.', async () => {
  const namespaces = create();
  const access = new Access('off', namespaces);
  await namespaces.openDefault(newToken(defaultNamespaceId));
  expect((await access.check(newToken('tenant'))).namespace.id).toBe('tenant');
  expect((await access.check(newToken('tenant'))).namespace.id).toBe('tenant');
  expect(access.open).toBeUndefined();
  expect((await access.check(undefined)).namespace.id).toBe(defaultNamespaceId);
});

test('With authentication there is no grant without a token.', async () => {
  const namespaces = create();
  const access = new Access('token', namespaces);
  const token = newToken(defaultNamespaceId);
  await namespaces.openDefault(token);
  await access.check(token);
  expect(access.open).toBeUndefined();
});

test('A token revoked by another node is refused within a second, and one it creates is valid at once, even if hints are lost.', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const store = storeInMemory();
  store.namespaces.follow = () => () => {};
  const [here, elsewhere] = [create(store), create(store)];
  const access = new Access('token', here);
  await here.openDefault(newToken(defaultNamespaceId));
  const made = await here.createToken(defaultNamespaceId, scopeRead);
  await access.check(made.token);
  const { token } = await elsewhere.createToken(defaultNamespaceId, scopeRead);
  expect(await access.check(token)).toMatchObject({ scope: 'read' });
  await elsewhere.revokeToken(defaultNamespaceId, made.id);
  vi.advanceTimersByTime(1_000);
  await expect(access.check(made.token)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
});

test('Any number of requests with tokens of default look it up once a second.', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const store = storeInMemory();
  const namespaces = create(store);
  const token = newToken(defaultNamespaceId);
  await namespaces.openDefault(token);
  const find = vi.spyOn(store.namespaces, 'find');
  const access = new Access('token', namespaces);
  for (let request = 0; request < 100; request++) await access.check(token);
  expect(find).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  for (let request = 0; request < 100; request++) await access.check(token);
  expect(find).toHaveBeenCalledTimes(2);
});

test('Concurrent first writes create a namespace once, however slow the store.', async () => {
  const namespaces = create(slowStore());
  const access = new Access('off', namespaces, true);
  const tokens = [newToken('tenant'), newToken('tenant'), undefined, undefined];
  const grants = await Promise.all(tokens.map(async (token) => withNamespace(await access.check(token), true)));
  expect(new Set(grants.map(({ namespace }) => namespace.log)).size).toBe(2);
  expect((await namespaces.list()).map(({ id }) => id)).toEqual(['default', 'tenant']);
});

/** Appends this many messages; returns the global position of the last. */
async function append(store: FakeStore, log: LogId, count: number): Promise<number> {
  const outcome = await store.log(log).append('a-1', newMessages(count), undefined);
  return outcome.outcome === 'appended' ? outcome.globalPosition : -1;
}

test('Namespaces with the same id begin one after another, and the first one at 1.', async () => {
  const store = storeInMemory();
  const namespaces = create(store);
  const made = async () => (await namespaces.create({ id: 'tenant', description: '', token: undefined })).namespace.log;
  expect(await append(store, await made(), 5)).toBe(5);
  await namespaces.remove('tenant');
  expect(await append(store, await made(), 2)).toBe(8);
  await namespaces.remove('tenant');
  // The third gets no message, and none are deleted from it.
  await made();
  await namespaces.remove('tenant');
  expect(await append(store, await made(), 1)).toBeGreaterThan(8);
  const other = await namespaces.create({ id: 'other', description: '', token: undefined });
  expect(await append(store, other.namespace.log, 1)).toBe(1);
});

test('Concurrent deletions and creations leave one namespace, which begins after every earlier one.', async () => {
  const store = slowStore();
  const nodes = [create(store), create(store)];
  let highest = 0;
  for (let turn = 0; turn < 10; turn++) {
    const made = nodes.map((node) => node.create({ id: 'tenant', description: '', token: undefined }));
    const [created] = (await Promise.allSettled(made)).filter(({ status }) => status === 'fulfilled');
    expect(created).toBeDefined();
    const { log } = await nodes[0]!.get('tenant');
    const last = await append(store, log, 3);
    expect(last - 3).toBeGreaterThanOrEqual(highest);
    highest = last;
    await Promise.allSettled(
      nodes.flatMap((node) => [
        node.remove('tenant'),
        node.create({ id: 'tenant', description: '', token: undefined }),
      ]),
    );
    const left = await store.namespaces.find('tenant');
    if (left !== undefined) expect((await store.log(left.log).bounds()).forgottenUpTo).toBeGreaterThan(highest);
    for (const node of nodes) await node.remove('tenant').catch(() => {});
  }
});

test('A deletion and a revocation do not wait for the deletion of another namespace.', async () => {
  const store = storeInMemory();
  const namespaces = create(store);
  for (const id of ['stuck', 'tenant']) await namespaces.create({ id, description: '', token: undefined });
  const { remove } = store.namespaces;
  store.namespaces.remove = (namespace) =>
    namespace.id === 'stuck' ? new Promise<number>(() => {}) : remove.call(store.namespaces, namespace);
  void namespaces.remove('stuck');
  const { id: tokenId } = await namespaces.createToken('tenant', scopeRead);
  await namespaces.revokeToken('tenant', tokenId);
  expect((await namespaces.get('tenant')).tokens.map(({ id }) => id)).not.toContain(tokenId);
  expect(await namespaces.remove('tenant')).toBe(0);
});
