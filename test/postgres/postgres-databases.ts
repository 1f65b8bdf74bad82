import { initSchema } from '../../src/store/postgres/own-schema.ts';
import type { Store } from '../../src/store/store.ts';
import { type ClusterOptions, PostgresCluster } from './postgres-cluster.ts';

/** Empty databases for one test after another. A database that no store uses any more is emptied and reused. */
export class PostgresDatabases implements AsyncDisposable {
  readonly cluster: PostgresCluster;
  readonly #uses = new Map<string, number>();

  private constructor(cluster: PostgresCluster) {
    this.cluster = cluster;
  }

  static async start(options?: ClusterOptions): Promise<PostgresDatabases> {
    return new PostgresDatabases(await PostgresCluster.start(options));
  }

  /** Name of an empty database, with or without the schema `pokewire`. */
  async take(hasSchema: boolean): Promise<string> {
    const database = await this.#takeEmpty();
    if (hasSchema) await initSchema(this.cluster.url(database, 'postgres'), 'message_store');
    return database;
  }

  async #takeEmpty(): Promise<string> {
    for (const [database, uses] of this.#uses) {
      if (uses > 0) continue;
      await using client = await this.cluster.connect(database);
      await client.query('TRUNCATE message_store.messages RESTART IDENTITY');
      await client.query('DROP SCHEMA IF EXISTS pokewire CASCADE');
      return database;
    }
    return this.cluster.create();
  }

  /** Counts a store as a user of the database until it is closed. */
  use(database: string, store: Store): void {
    this.#uses.set(database, (this.#uses.get(database) ?? 0) + 1);
    const close = store.close.bind(store);
    store.close = async () => {
      await close();
      this.#uses.set(database, this.#uses.get(database)! - 1);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}
