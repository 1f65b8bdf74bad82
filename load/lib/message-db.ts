import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { initStore } from '../../src/store/init-store.ts';
import { hasPostgres, PostgresCluster } from '../../test/postgres/postgres-cluster.ts';
import { cpuSeconds, serverCore } from './machine.ts';
import type { Context, Scenario } from './scenario.ts';
import { pokewire, type ServerCores, type Target } from './target.ts';

/** Numbers of streams and categories, written round robin; each stream belongs to one category. */
const streams = 25_000;
const categories = 20;

/** With the 16-byte id, 204 bytes of payload, as in the databases of the other stores. */
const data = `{"account": "01900000-0000-7000-8000-000000000000", "amount": 100, "note": "${'x'.repeat(11)}"}`;
const metadata = `{"correlationStreamName": "transfer-01900000-0000-7000-8000-000000000000", "causation": "${'x'.repeat(5)}"}`;

/** Calls Message DB's own function with the usual message; $1 is the stream. */
export const writeMessageSql = `SELECT write_message(gen_random_uuid()::varchar, $1, 'Deposited', '${data}', '${metadata}')`;

/** The scenario, or one that reports why it is not measured if npm has no PostgreSQL for the platform. */
export function withPostgres(scenario: string, measured: Scenario): Scenario {
  if (hasPostgres) return measured;
  const missing = [{ peer: scenario, why: 'npm has no PostgreSQL for this platform' }];
  return async () => ({ scenario, settings: {}, series: [], missing, verdicts: [] });
}

/** A PostgreSQL with default settings unless others are given, on the disk of temporary files, with Message DB in each database. */
export class MessageDb implements AsyncDisposable {
  readonly #cluster: PostgresCluster;

  private constructor(cluster: PostgresCluster) {
    this.#cluster = cluster;
  }

  /** `settings` as in postgresql.conf. */
  static async start(settings: readonly string[] = []): Promise<MessageDb> {
    return new MessageDb(await PostgresCluster.start({ isOnDisk: true, settings }));
  }

  /** Name of a new database. */
  fresh(): Promise<string> {
    return this.#cluster.create();
  }

  /** Name of a new database with the tables for tokens and consumer groups. */
  async freshForGroups(): Promise<string> {
    const database = await this.fresh();
    await initStore(this.#cluster.url(database, 'postgres'), 'message_store');
    return database;
  }

  url(database: string): string {
    return this.#cluster.url(database);
  }

  connect(database: string): Promise<pg.Client & AsyncDisposable> {
    return this.#cluster.connect(database, 'message_store');
  }

  /** Pins the server and all later connections to the servers' core, leaving the other to the load. */
  pin(): void {
    for (const pid of this.#pids()) spawnSync('taskset', ['-a', '-c', '-p', String(serverCore), String(pid)]);
  }

  /** CPU time of the server and all of its current processes. */
  cpuSeconds(): number {
    return this.#pids().reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  }

  /** Pokewire over a new database at every start, or over the named one. */
  target({ root, profileDir }: Context, name: string, cores: ServerCores, database?: string): Target {
    const plain = pokewire({ name, root, cores, ...(profileDir === undefined ? {} : { profileDir }) });
    const start: Target['start'] = async (flags = []) =>
      plain.start(['--store', this.url(database ?? (await this.fresh())), ...flags]);
    return { ...plain, start };
  }

  /** Fills an empty database: 20 categories of 1,250 streams each, written round robin. */
  async fill(database: string, messages: number): Promise<void> {
    await using client = await this.#cluster.connect(database);
    await client.query(
      `INSERT INTO messages (stream_name, position, id, type, data, metadata)
       SELECT 'account' || (1 + n % ${categories}) || '-' || n % ${streams}, n / ${streams}, gen_random_uuid(), 'Deposited', $1, $2
       FROM generate_series(0, $3::bigint - 1) n ORDER BY n`,
      [data, metadata, messages],
    );
    await client.query('VACUUM ANALYZE messages');
  }

  #pids(): number[] {
    const { pid } = this.#cluster;
    return [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }
}
