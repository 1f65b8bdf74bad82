import { expect, test } from 'vitest';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeStore } from './describe-store.ts';

describeStore('the memory store', {
  open: async ({ pokes, ...limits }) => new MemoryStore(new MemoryStorage(limits), pokes),
  reopen: async () => new MemoryStore(new MemoryStorage(), pokePool()),
});

test('The memory store has all capabilities except durability and backups.', () => {
  expect(new MemoryStore(new MemoryStorage(), pokePool()).capabilities).toEqual({
    namespaces: 'many',
    tokens: 'stored',
    appends: true,
    largestAppend: Number.POSITIVE_INFINITY,
    imports: true,
    replacements: true,
    durable: false,
    backups: false,
    verbatim: true,
    byteLimit: true,
    retention: true,
    erasure: true,
    listOrder: 'utf8',
    counts: 'exact',
  });
});
