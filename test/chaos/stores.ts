import { missingNats, natsProgram } from '../nats/nats-server.ts';
import { hasPostgres, PostgresCluster } from '../postgres/postgres-cluster.ts';
import { type Fault, freezeOne, killOne } from './faults.ts';
import { Member } from './member.ts';
import { startNatsStore } from './nats-store.ts';

/** A store shared by several nodes, with its processes. Close it by `await using`. */
export type ChaosStore = AsyncDisposable & {
  readonly url: string;
  readonly members: readonly Member[];
  /** Faults that kill and restart processes. */
  readonly kills: readonly Fault[];
  /** All other faults of this store. */
  readonly others: readonly Fault[];
};

/** Starts a store; `all`: for a run with every kind of fault, not only kills. */
export type StartStore = (options: { readonly all: boolean }) => Promise<ChaosStore>;

/** How to start each store, or why it is not available. */
export const chaosStores: Readonly<Record<string, StartStore | string>> = {
  nats: natsProgram === undefined ? missingNats : startNatsStore,
  postgres: hasPostgres ? startPostgres : 'npm has no PostgreSQL for this platform',
};

async function startPostgres(): Promise<ChaosStore> {
  const cluster = await PostgresCluster.start();
  const members = [new Member('postgres', Object.assign(cluster, { untilReady: async () => {} }))];
  return {
    url: cluster.url(await cluster.create()),
    members,
    kills: [killOne('PostgreSQL killed', members)],
    others: [freezeOne('PostgreSQL frozen', members)],
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}
