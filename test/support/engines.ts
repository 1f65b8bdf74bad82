import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { OpenStore, StoreOptions } from '../../src/store/open-store.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { type StartThread, startWorker } from '../../src/store/sqlite/store-thread.ts';
import type { Store } from '../../src/store/store.ts';
import { serveHere } from './sqlite-threads.ts';
import { TemporaryFolder } from './temporary-folder.ts';

export type Engine = {
  readonly name: 'memory' | 'sqlite';
  /** Opens a new, empty store. */
  open(options: StoreOptions): Promise<Store>;
};

/** A new SQLite store whose file is deleted with it. */
export async function openSqlite(options: StoreOptions, startThread: StartThread = startWorker): Promise<Store> {
  const folder = new TemporaryFolder();
  const store = await SqliteStore.open(`sqlite:${folder.file('pokewire.db')}?sync=normal`, options, startThread);
  return withClose(store, async () => {
    await store.close();
    folder[Symbol.dispose]();
  });
}

/** Engines that need no server. */
export const engines: readonly Engine[] = [
  { name: 'memory', open: async ({ pokes, ...limits }) => new MemoryStore(new MemoryStorage(limits), pokes) },
  { name: 'sqlite', open: (options) => openSqlite(options, serveHere) },
];

/** Opens handles on one store for nodes in one process. The opener of the store closes it. */
export function openHandleOn(store: Store): OpenStore {
  return async () => withClose(store, async () => {});
}

function withClose(store: Store, close: () => Promise<void>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'close') return close;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
