import { afterAll, describe, test } from 'vitest';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { describeNamespacesOf, describeStore } from '../contract/describe-store.ts';
import type { ClusterOptions } from './postgres-cluster.ts';
import { PostgresDatabases } from './postgres-databases.ts';

/** The contract of every store, on its own PostgreSQL. If that is missing, a skipped test that says so. */
export async function describePostgres(
  title: string,
  { isThere, missing, ...cluster }: ClusterOptions & { readonly isThere: boolean; readonly missing: string },
): Promise<void> {
  if (!isThere) {
    describe.skip(`${title} (${missing})`, () => test('serves a Message DB.', () => {}));
    return;
  }
  const opened = new WeakMap<Store, { database: string; options: StoreOptions }>();
  const databases = await PostgresDatabases.start(cluster);
  afterAll(() => databases[Symbol.asyncDispose]());
  const openDatabase = async (database: string, options: StoreOptions): Promise<Store> => {
    const store = await PostgresStore.open(databases.cluster.url(database), options);
    opened.set(store, { database, options });
    databases.use(database, store);
    return store;
  };
  const again = (store: Store): Promise<Store> => {
    const { database, options } = opened.get(store)!;
    return openDatabase(database, options);
  };
  const harness = (hasSchema: boolean) => ({
    open: async (options: StoreOptions) => openDatabase(await databases.take(hasSchema), options),
    second: again,
    reopen: again,
    races: 10_000,
  });
  describeStore(title, harness(true));
  describeNamespacesOf(`${title} without a schema of its own`, harness(false));
}
