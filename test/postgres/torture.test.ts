import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/store/log.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { writeAsOthers } from './foreign-writers.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const seconds = Number(process.env.TORTURE_SECONDS ?? 3);
const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 };

/** Appends of this server's own, until the signal is aborted; returns how many messages. */
async function append(log: Log, signal: AbortSignal): Promise<number> {
  let count = 0;
  const write = async (writer: number) => {
    for (let n = 0; !signal.aborted; n++) {
      const { outcome } = await log.append(`own${(n + writer) % 5}-${n % 7}`, newMessages(1 + (n % 3)), undefined);
      if (outcome === 'appended') count += 1 + (n % 3);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_value, writer) => write(writer)));
  return count;
}

/** What somebody hears who reads on behind the last position seen, as polls commonly do. */
async function followNaively(cluster: PostgresCluster, database: string, signal: AbortSignal): Promise<number> {
  await using client = await cluster.connect(database, 'message_store');
  let seen = 0;
  for (let last = 0; ; ) {
    const isLastLook = signal.aborted;
    const { rows } = await client.query<{ g: string }>(
      'SELECT global_position AS g FROM messages WHERE global_position > $1 ORDER BY 1 LIMIT 1000',
      [last],
    );
    seen += rows.length;
    last = Number(rows.at(-1)?.g ?? last);
    if (isLastLook && rows.length === 0) return seen;
  }
}

describe.skipIf(!hasPostgres)('Beside writers whose transactions stay open, end late and are rolled back', () => {
  test('followers on three nodes are told every message once and in order, where a naive reader loses some.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    const pool = pokePool();
    const open = () => PostgresStore.open(cluster.url(database), { pokes: pool, ...limits });
    const stores = await Promise.all([open(), open(), open()]);
    const logs = await Promise.all(
      stores.map(async (store) => store.log((await store.namespaces.find('default'))!.log)),
    );
    const followers = logs.map((log) => new ReferenceFollower(log));
    const signal = AbortSignal.timeout(seconds * 1_000);
    const [others, naive, ...own] = await Promise.all([
      writeAsOthers(cluster, database, 8, signal),
      followNaively(cluster, database, signal),
      append(logs[0]!, signal),
      append(logs[1]!, signal),
    ]);
    await using client = await cluster.connect(database);
    const { rows } = await client.query<{ place: string }>(
      "SELECT stream_name || '/' || position || '@' || global_position AS place FROM messages ORDER BY global_position",
    );
    const places = rows.map(({ place }) => place);
    const written = others.committed + own[0]! + own[1]!;
    expect(places.length).toBe(written);
    expect(others.rolledBack).toBeGreaterThan(0);
    for (const follower of followers) expect(await follower.finish()).toEqual(places);
    expect(naive).toBeLessThan(written);
    for (const store of stores) await store.close();
    expect(pool.stats.leased).toBe(0);
  });
});
