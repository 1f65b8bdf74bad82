import { randomInt } from 'node:crypto';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { noFaults, UnreliableStore } from '../support/unreliable-store.ts';
import { describeStore } from './describe-store.ts';

const seed = randomInt(2 ** 31);

/** Announcements with every fault, calls with none: the suite must pass for such a store too. */
class HintingStore extends UnreliableStore {
  readonly #storage: MemoryStorage;
  readonly #pool: StoreOptions['pokes'];

  constructor(storage: MemoryStorage, pokes: StoreOptions['pokes']) {
    super(new MemoryStore(storage, pokes), {
      ...noFaults,
      seed,
      lost: 0.3,
      doubled: 0.2,
      wakeUps: 0.1,
      empty: 0.1,
      cut: 0.3,
      delayed: 0.5,
      maxDelayMs: 5,
      reordered: 0.1,
    });
    this.#storage = storage;
    this.#pool = pokes;
  }

  /** Another handle on the same storage. */
  again(): HintingStore {
    return new HintingStore(this.#storage, this.#pool);
  }
}

describeStore(`a store whose announcements are no more than hints (seed ${seed})`, {
  open: async ({ pokes, ...limits }) => new HintingStore(new MemoryStorage(limits), pokes),
  second: async (store) => (store as HintingStore).again(),
});
