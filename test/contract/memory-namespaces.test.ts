import { expect, test } from 'vitest';
import { MemoryNamespaces } from '../../src/store/memory/memory-namespaces.ts';
import { describeNamespaces, namespaceOf } from './namespaces.ts';

describeNamespaces('the namespaces in memory', async () => new MemoryNamespaces());

test('Heads of more removed namespaces than are told apart are kept as one that lies behind them all.', async () => {
  const store = new MemoryNamespaces(2);
  const removed = async (id: string, head: number) => {
    const namespace = { ...namespaceOf(id), behind: await store.formerHead(id) };
    await store.create(namespace);
    await store.remove(namespace, head);
  };
  await removed('a', 5);
  await removed('b', 9);
  expect(await store.formerHead('new')).toBe(0);
  await removed('c', 3);
  const heads = async () => Promise.all(['a', 'b', 'c', 'new'].map((id) => store.formerHead(id)));
  expect(await heads()).toEqual([5, 9, 3, 5]);
  await removed('d', 20);
  expect(await heads()).toEqual([9, 9, 3, 9]);
});
