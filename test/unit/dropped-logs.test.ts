import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';

test('The memory store remembers the last 100,000 namespaces that were dropped, and no more.', async () => {
  const store = new MemoryStore({ pokes: pokePool(), maxBytes: 0 });
  for (const namespace of ['first', 'second']) {
    await store.append(namespace, 'a-1', newMessages(2), undefined);
    await store.drop(namespace);
  }
  for (let n = 0; n < 99_999; n++) await store.drop(`other-${n}`);

  expect(await store.drop('second')).toEqual({ messages: 0, head: 2 });
  expect(await store.append('other-0', 'a-1', newMessages(1), undefined)).toEqual({ outcome: 'dropped' });
  expect(await store.drop('first')).toEqual({ messages: 0, head: 0 });
});
