import { expect, test } from 'vitest';
import { RetentionKeeper } from '../../src/retention/retention-keeper.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

/** A store with two namespaces, each with 2,500 messages too many. */
async function fullStore() {
  const store = new FakeStore({ pokes: pokePool() });
  const logs = [];
  for (const id of ['one', 'two']) {
    const namespace = await store.namespace(id);
    await store.log(namespace.log).append('a-1', newMessages(2_600), undefined);
    await store.namespaces.setRetention(namespace, undefined, { maxMessages: 100 });
    logs.push(store.log(namespace.log));
  }
  return { store, logs };
}

test('The keeper deletes messages of every namespace until each rule holds, one slice after another.', async () => {
  const { store, logs } = await fullStore();
  const warnings: string[] = [];
  const keeper = new RetentionKeeper({ store, log: { warn: (_facts, text) => warnings.push(text) }, everyMs: 5 });
  await expect.poll(async () => (await store.usage()).messages, { timeout: 20_000 }).toBe(200);
  await keeper.stop();
  expect(await Promise.all(logs.map(async (log) => (await log.bounds()).forgottenUpTo))).toEqual([2_500, 2_500]);
  expect([warnings, keeper.failures]).toEqual([[], 0]);
});

test('The keeper continues after a failure, which it logs once and counts.', async () => {
  const { store } = await fullStore();
  let failures = 3;
  const forget = store.forget.bind(store);
  store.forget = async (nowMs) => {
    if (failures-- > 0) throw new Error('the store is away');
    return forget(nowMs);
  };
  const warnings: string[] = [];
  const keeper = new RetentionKeeper({ store, log: { warn: (_facts, text) => warnings.push(text) }, everyMs: 1 });
  await expect.poll(async () => (await store.usage()).messages, { timeout: 20_000 }).toBe(200);
  await keeper.stop();
  expect([warnings.length, keeper.failures]).toEqual([1, 3]);
});
