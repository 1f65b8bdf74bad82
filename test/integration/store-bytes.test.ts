import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { NewNamespace, TokenRecord } from '../../src/store/namespace-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessage, pokePool } from '../support/fake-messages.ts';
import { forgetAll } from '../support/forget-all.ts';
import { heldBytes } from '../support/held-bytes.ts';

const token = (): TokenRecord => ({
  id: randomUUID(),
  label: 'first',
  hash: randomUUID().replaceAll('-', '').repeat(2),
  scope: 'admin',
  createdAtMs: Date.now(),
  expiresAtMs: undefined,
});

const namespace = (id: string, tokens: number): NewNamespace => ({
  id,
  uid: randomUUID(),
  description: `Namespace ${id}`,
  createdAtMs: Date.now(),
  tokens: Array.from({ length: tokens }, token),
});

const create = (store: MemoryStore, id: string, tokens = 1) => createNamespace(store.namespaces, namespace(id, tokens));

type Append = (stream: string) => Promise<unknown>;

const path = 'x'.repeat(10_000);

/** Appends one message to an existing stream. */
async function appendTo(store: MemoryStore): Promise<Append> {
  const { log } = await create(store, 'tenant');
  return (stream) => store.log(log).append(stream, [newMessage({ id: randomUUID() })], undefined);
}

test.each<[what: string, count: number, make: (store: MemoryStore, index: number, append: Append) => Promise<unknown>]>(
  [
    ['namespaces without a message', 5_000, (store, index) => create(store, `n${index}`)],
    ['namespaces with 20 tokens', 2_000, (store, index) => create(store, `n${index}`, 20)],
    [
      'namespaces with two messages',
      1_000,
      async (store, index) => {
        const { log } = await create(store, `n${index}`);
        for (let n = 0; n < 2; n++) await store.log(log).append('a-1', [newMessage({ id: randomUUID() })], undefined);
      },
    ],
    ['streams with one message', 20_000, (_store, index, append) => append(`account-${index}`)],
    // A slice of a string may keep the whole string in memory.
    [
      'streams named by a part of a long path',
      2_000,
      (_store, index, append) => append(`${index}-${path}`.slice(0, 20)),
    ],
    ['categories with one message', 20_000, (_store, index, append) => append(`c${index}-1`)],
    ['messages of one stream', 50_000, (_store, _index, append) => append('a-1')],
  ],
)('What %s take in memory is 0.4 to 1.3 times what is counted.', async (_what, count, make) => {
  const storage = new MemoryStorage();
  const store = new MemoryStore(storage, pokePool());
  const append = await appendTo(store);
  const before = { held: heldBytes(), counted: storage.budget.bytes };
  for (let index = 0; index < count; index++) await make(store, index, append);
  const ratio = (heldBytes() - before.held) / (storage.budget.bytes - before.counted);
  expect(ratio).toBeGreaterThan(0.4);
  expect(ratio).toBeLessThan(1.3);
});

/** Appends messages to `a-1` and every hundredth to `b-1`. */
async function appendMixed(store: MemoryStore, log: LogId, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const message = newMessage({ id: randomUUID(), data: `{"n":${n},"x":"${'x'.repeat(100)}"}` });
    await store.log(log).append(n % 100 === 0 ? 'b-1' : 'a-1', [message], undefined);
  }
}

test.each([
  ['the oldest messages', undefined, 500],
  ['a category among others', 'a', 0],
])('Forgetting %s gives the memory back that they took.', async (_what, category, maxMessages) => {
  const storage = new MemoryStorage();
  const store = new MemoryStore(storage, pokePool());
  const namespace = await create(store, 'tenant');
  const before = heldBytes();
  await appendMixed(store, namespace.log, 50_000);
  const full = heldBytes() - before;
  await store.namespaces.setRetention(namespace, category, { maxMessages });
  await forgetAll(store);
  await store.namespaces.setRetention(namespace, category, undefined);
  expect((heldBytes() - before) / full).toBeLessThan(0.25);
  const log = store.log(namespace.log);
  const left = (await log.read({ category: undefined, group: undefined, correlation: undefined }, 0, 1_000)).messages;
  expect(left).toHaveLength(500);
  for (const { id, data, stream, globalPosition, type } of left) {
    expect(JSON.parse(data).n).toBe(globalPosition - 1);
    const again = await log.append(stream, [{ id, given: true, type, data, metadata: null }], undefined);
    expect(again).toMatchObject({ outcome: 'known', globalPosition });
  }
});
