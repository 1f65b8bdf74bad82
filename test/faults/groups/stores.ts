import { DatabaseSync } from 'node:sqlite';
import { initStore } from '../../../src/store/init-store.ts';
import { NatsCluster } from '../../nats/nats-cluster.ts';
import { missingNats, natsProgram } from '../../nats/nats-server.ts';
import { CuttableWay } from '../../postgres/cuttable-way.ts';
import { hasPostgres, PostgresCluster } from '../../postgres/postgres-cluster.ts';
import { Front } from '../../support/nodes/front.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

/**
 * A node's network path to its store, which can be cut: nothing is stored and nothing is answered until it is repaired.
 */
export type StoreWay = { readonly url: string; cut(): void; mend(): void };

/** A store with a separate network path for each of its nodes. Close it by `await using`. */
export type GroupStore = AsyncDisposable & {
  readonly ways: readonly StoreWay[];
  /** Longest time that a node is frozen or cut off, milliseconds: with a single node nothing works in that time. */
  readonly longestMs: number;
};

/** How to start each store, or why it is not available. */
export const groupStores: Readonly<Record<string, (() => Promise<GroupStore>) | string>> = {
  sqlite: startSqlite,
  postgres: hasPostgres ? startPostgres : 'npm has no PostgreSQL for this platform',
  nats: natsProgram === undefined ? missingNats : startNats,
};

/** Nodes over a store that several nodes can share, and the longest time for which one of them is unavailable. */
const sharedNodes = 3;
const sharedLongestMs = 40_000;
/** Longest time that a commit of the node waits. */
const lockTimeoutMs = 2_000;

/** The node's writer waits within SQLite while another process has a transaction open, as it would for a slow disk. */
async function startSqlite(): Promise<GroupStore> {
  const folder = new TemporaryFolder();
  const path = folder.file('groups.db');
  let locked: DatabaseSync | undefined;
  const mend = () => {
    locked?.close();
    locked = undefined;
  };
  const cut = () => {
    locked = new DatabaseSync(path, { timeout: lockTimeoutMs });
    locked.exec('BEGIN IMMEDIATE');
  };
  return {
    ways: [{ url: `sqlite:${path}`, cut, mend }],
    longestMs: 12_000,
    [Symbol.asyncDispose]: async () => {
      mend();
      folder[Symbol.dispose]();
    },
  };
}

async function startPostgres(): Promise<GroupStore> {
  await using closing = new AsyncDisposableStack();
  const cluster = closing.use(await PostgresCluster.start());
  const database = await cluster.create();
  await initStore(cluster.url(database, 'postgres'), 'message_store');
  const ways: StoreWay[] = [];
  for (let n = 0; n < sharedNodes; n++) {
    const way = closing.use(await CuttableWay.open(cluster));
    ways.push({ url: way.url(database), cut: () => way.cut(), mend: () => way.mend() });
  }
  const moved = closing.move();
  return { ways, longestMs: sharedLongestMs, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/**
 * A single server, because the servers of a cluster announce each other to their clients, and a node would bypass its
 * network path.
 */
async function startNats(): Promise<GroupStore> {
  await using closing = new AsyncDisposableStack();
  const { servers } = closing.use(await NatsCluster.start());
  const ways: StoreWay[] = [];
  for (let n = 0; n < sharedNodes; n++) {
    const way = closing.use(await Front.open(servers.map(({ port }) => port)));
    ways.push({ url: `nats://${new URL(way.url).host}/faults`, cut: () => way.cut(), mend: () => way.mend() });
  }
  const moved = closing.move();
  return { ways, longestMs: sharedLongestMs, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}
