import { missingNats, natsProgram } from '../nats/nats-server.ts';
import { hasPostgres, PostgresCluster } from '../postgres/postgres-cluster.ts';
import { type Fault, freezeOne, killOne } from './faults.ts';
import { Member } from './member.ts';
import { startNatsStore } from './nats-store.ts';

/** A store that several nodes share, with the processes that it is made of. Close it by `await using`. */
export type ChaosStore = AsyncDisposable & {
  readonly url: string;
  readonly members: readonly Member[];
  /** Processes that go and come. */
  readonly kills: readonly Fault[];
  /** Everything else that may happen to it. */
  readonly others: readonly Fault[];
};

/** Starts one; `all`: for a run in which everything may happen, and not only kills. */
export type StartStore = (options: { readonly all: boolean }) => Promise<ChaosStore>;

/** How each store is started, or why it cannot be. */
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
