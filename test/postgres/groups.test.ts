import { afterAll, describe, expect, test } from 'vitest';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { hasPostgres } from './postgres-cluster.ts';
import { PostgresDatabases } from './postgres-databases.ts';

const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 };

describe.skipIf(!hasPostgres)('Records of groups of nodes over one database', async () => {
  const databases = hasPostgres ? await PostgresDatabases.start() : undefined;
  afterAll(() => databases?.[Symbol.asyncDispose]());

  async function nodes(count: number, hasSchema = true) {
    const database = await databases!.take(hasSchema);
    const open = async () => {
      const store = await PostgresStore.open(databases!.cluster.url(database), { pokes: pokePool(), ...limits });
      databases!.use(database, store);
      return store;
    };
    const stores = await Promise.all(Array.from({ length: count }, open));
    const close = () => Promise.all(stores.map((store) => store.close()));
    return { stores, [Symbol.asyncDispose]: async () => void (await close()) };
  }

  test('are changed on one node, and the others are notified.', async () => {
    await using opened = await nodes(2);
    const [one, other] = opened.stores.map(({ groups }) => groups!);
    const { revision } = await other!.changesSince(undefined);
    const heard = Promise.withResolvers<void>();
    other!.follow(() => heard.resolve());
    await one!.write([{ key: 'a', revision: 0, text: '{}', isQuiet: false }]);
    await heard.promise;
    expect((await other!.changesSince(revision)).keys).toEqual(['a']);
  });

  test('are written by batches in any order, and none waits for another forever.', async () => {
    await using opened = await nodes(2);
    const keys = Array.from({ length: 50 }, (_value, n) => `batch/${n}`);
    const handles = opened.stores.map(({ groups }) => groups!);
    await handles[0]!.write(keys.map((key) => ({ key, revision: 0, text: '0', isQuiet: true })));
    const rounds = await Promise.all(
      Array.from({ length: 60 }, async (_value, round) => {
        const groups = handles[round % 2]!;
        const records = await groups.read(round % 3 === 0 ? keys.toReversed() : keys);
        const changes = records.map((record) => ({ ...record!, text: `${round}`, isQuiet: round % 2 === 0 }));
        return (await groups.write(changes)).filter((outcome) => outcome !== undefined).length;
      }),
    );
    expect(Math.max(...rounds)).toBeGreaterThan(0);
  });

  test('report that everything may have changed if too much has changed since then.', async () => {
    await using opened = await nodes(1);
    const groups = opened.stores[0]!.groups!;
    const { revision } = await groups.changesSince(undefined);
    const changes = Array.from({ length: 600 }, (_value, n) => `many/${n}`);
    for (const half of [0, 1])
      await groups.write(changes.map((key) => ({ key: `${key}/${half}`, revision: 0, text: '', isQuiet: false })));
    expect((await groups.changesSince(revision)).keys).toBe('all');
    const recent = await groups.changesSince(revision + 200);
    expect(recent.keys).toHaveLength(1_000);
  });

  test('cannot be stored before "pokewire store init" was run.', async () => {
    await using opened = await nodes(1, false);
    expect(opened.stores[0]!.groups).toBeUndefined();
  });
});
