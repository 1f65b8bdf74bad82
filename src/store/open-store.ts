import type { Poke } from '../message/poke.ts';
import type { ObjectPool } from '../pool/object-pool.ts';
import { MemoryNamespaces } from './memory/memory-namespaces.ts';
import { MemoryStore } from './memory/memory-store.ts';
import type { MessageStore } from './message-store.ts';
import type { NamespaceStore } from './namespace-store.ts';

export type StoreOptions = {
  readonly pokes: ObjectPool<Poke>;
  /** 0: no limit. */
  readonly maxBytes: number;
};

/** Kind of the store, as `sys.health` names it. */
export const storeKind = 'memory';

/** Opens the configured store. There is one so far, in memory. */
export async function openStore(options: StoreOptions): Promise<MessageStore> {
  return new MemoryStore(options);
}

/** Opens the namespaces of the same store. */
export async function openNamespaces(): Promise<NamespaceStore> {
  return new MemoryNamespaces();
}
