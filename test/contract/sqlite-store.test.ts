import { afterAll } from 'vitest';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { describeStore } from './describe-store.ts';

const folder = TemporaryFolder.inMemory();
afterAll(() => folder[Symbol.dispose]());

let files = 0;
const opened = new WeakMap<Store, { url: string; options: StoreOptions }>();

async function openFile(url: string, options: StoreOptions): Promise<Store> {
  const store = await SqliteStore.open(url, options, serveHere);
  opened.set(store, { url, options });
  return store;
}

describeStore('the SQLite store', {
  open: (options) => openFile(`sqlite:${folder.file(`${files++}.db`)}?sync=normal`, options),
  reopen: (store) => {
    const { url, options } = opened.get(store)!;
    return openFile(url, options);
  },
});
