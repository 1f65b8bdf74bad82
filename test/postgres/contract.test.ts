import { afterAll, describe, test } from 'vitest';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { describeNamespacesOf, describeStore } from '../contract/describe-store.ts';
import { hasPostgres } from './postgres-cluster.ts';
import { PostgresDatabases } from './postgres-databases.ts';

const opened = new WeakMap<Store, { database: string; options: StoreOptions }>();
const databases = hasPostgres ? await PostgresDatabases.start() : undefined;
afterAll(() => databases?.[Symbol.asyncDispose]());

async function openDatabase(database: string, options: StoreOptions): Promise<Store> {
  const store = await PostgresStore.open(databases!.cluster.url(database), options);
  opened.set(store, { database, options });
  databases!.use(database, store);
  return store;
}

const again = (store: Store): Promise<Store> => {
  const { database, options } = opened.get(store)!;
  return openDatabase(database, options);
};

if (databases === undefined) {
  describe.skip('the PostgreSQL store (npm has no PostgreSQL for this platform)', () => {
    test('serves a Message DB.', () => {});
  });
} else {
  const harness = (hasSchema: boolean) => ({
    open: async (options: StoreOptions) => openDatabase(await databases.take(hasSchema), options),
    second: again,
    reopen: again,
  });
  describeStore('the PostgreSQL store', harness(true));
  describeNamespacesOf('the PostgreSQL store without a schema of its own', harness(false));
}
