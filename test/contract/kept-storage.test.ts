import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeStore } from './describe-store.ts';

const { capabilities } = new MemoryStore(new MemoryStorage(), pokePool());

/** As durable as its storage, which the test keeps. */
class KeptStore extends MemoryStore {
  override readonly capabilities = { ...capabilities, durable: true };
  readonly storage: MemoryStorage;
  readonly pool: StoreOptions['pokes'];

  constructor(storage: MemoryStorage, pokes: StoreOptions['pokes']) {
    super(storage, pokes);
    this.storage = storage;
    this.pool = pokes;
  }

  /** Another handle on the same storage. */
  again(): KeptStore {
    return new KeptStore(this.storage, this.pool);
  }
}

describeStore('a memory store on kept storage', {
  open: async ({ pokes, ...limits }) => new KeptStore(new MemoryStorage(limits), pokes),
  second: async (store) => (store as KeptStore).again(),
  reopen: async (store) => (store as KeptStore).again(),
});
