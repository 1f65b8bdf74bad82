import { expect, test } from 'vitest';
import { Access } from '../../src/access/access.ts';
import { defaultNamespaceId, maxTokens, Namespaces } from '../../src/access/namespaces.ts';
import { newToken } from '../../src/access/token.ts';
import { MemoryNamespaces } from '../../src/store/memory-namespaces.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

function create() {
  return new Namespaces(new MemoryNamespaces(), new FakeStore({ pokes: pokePool(), maxBytes: 0 }), () => {});
}

const scopeRead = { label: 'reader', scope: 'read', expiresAtMs: undefined } as const;

test('A further token works with its scope, and no more once it is revoked.', async () => {
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

test('Tokens made and revoked at the same time are all made and all revoked.', async () => {
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

test('A change that is refused does not stop the next one.', async () => {
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

test('Without authentication the grant of those who send nothing is known until a namespace changes.', async () => {
  const namespaces = create();
  const access = new Access('off', namespaces);
  await namespaces.openDefault(newToken(defaultNamespaceId));
  expect(access.open).toBeUndefined();
  const grant = await access.check(undefined);
  expect(access.open).toBe(grant);
  await namespaces.remove(defaultNamespaceId);
  expect(access.open).toBeUndefined();
  // It is made anew on first use, and is another one.
  const next = await access.check(undefined);
  expect(next.namespace.log).not.toBe(grant.namespace.log);
  expect((await access.check(undefined)).namespace.log).toBe(next.namespace.log);
  expect(access.open?.namespace.log).toBe(next.namespace.log);
});

test('A token of another namespace never becomes the grant of those who send nothing.', async () => {
  const namespaces = create();
  const access = new Access('off', namespaces);
  await namespaces.openDefault(newToken(defaultNamespaceId));
  expect((await access.check(newToken('tenant'))).namespace.id).toBe('tenant');
  expect((await access.check(newToken('tenant'))).namespace.id).toBe('tenant');
  expect(access.open).toBeUndefined();
  expect((await access.check(undefined)).namespace.id).toBe(defaultNamespaceId);
});

test('With tokens nobody is known without one.', async () => {
  const namespaces = create();
  const access = new Access('token', namespaces);
  const token = newToken(defaultNamespaceId);
  await namespaces.openDefault(token);
  await access.check(token);
  expect(access.open).toBeUndefined();
});
