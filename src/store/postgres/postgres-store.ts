import type { Client } from 'pg';
import { ConfigError } from '../../config-error.ts';
import type { NewMessage } from '../../message/message.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { BackupOutcome } from '../backup.ts';
import { refuseUnsupported, type StoreCapabilities } from '../capabilities.ts';
import type { AppendOutcome, ImportSession, Log } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { StoreOptions } from '../open-store.ts';
import type { Forgotten } from '../retention.ts';
import type { LogSummary, Store, StoreOpening, StoreUsage } from '../store.ts';
import { Connection, clientsOf, loadPg, type OpenClient, type Pg } from './connection.ts';
import { storeFault, textOfFault } from './database-errors.ts';
import { type KeptEpochs, keepsEpochs, ProcessEpochs, StoredEpochs } from './kept-epochs.ts';
import { ProcessTokens, StoredTokens } from './kept-tokens.ts';
import { Lane } from './lane.ts';
import { inspectMessageDb, type MessageDb } from './message-db.ts';
import { inspectSchema, type OwnSchema } from './own-schema.ts';
import { postgresCapabilities } from './postgres-capabilities.ts';
import { groupsChannel, keepsGroups, PostgresGroups } from './postgres-groups.ts';
import { type LogParts, PostgresLog } from './postgres-log.ts';
import { measurePostgres } from './postgres-metrics.ts';
import { PostgresNamespaces } from './postgres-namespaces.ts';
import { openingOf } from './postgres-opening.ts';
import { type PostgresUrl, parsePostgresUrl } from './postgres-url.ts';
import { readEstimate } from './read-estimate.ts';
import type { Query } from './read-pokes.ts';
import { ServedLog } from './served-log.ts';
import { StoredTickets } from './stored-tickets.ts';

const readConnections = 4;

type Found = MessageDb & {
  readonly schema: OwnSchema;
  readonly epochs: KeptEpochs;
  readonly served: LogId;
  readonly keepsGroups: boolean;
};

/** Serves a Message DB without changing its schema. Services may write to it directly, and nodes may share it. */
export class PostgresStore implements Store {
  readonly kind = 'postgres';
  readonly capabilities: StoreCapabilities;
  readonly namespaces: PostgresNamespaces;
  readonly tickets: StoredTickets | undefined;
  readonly groups: PostgresGroups | undefined;
  readonly opening: StoreOpening;
  /** Never settles: the store reconnects to a database that was unreachable. */
  readonly failed = new Promise<never>(() => {});
  readonly #url: PostgresUrl;
  readonly #tail: Connection;
  readonly #readers: readonly Connection[];
  readonly #lanes: readonly Lane[];
  readonly #connections: readonly Connection[];
  readonly #parts: LogParts;
  readonly #served: ServedLog;
  #turn = 0;
  #looked: (durationMs: number) => void = () => {};

  private constructor(pg: Pg, url: PostgresUrl, tail: Connection, first: Found, options: StoreOptions) {
    this.#url = url;
    this.#tail = tail;
    const requireSame = async (client: Client) => void (await this.#requireSame(client));
    const reads = clientsOf(pg, url);
    this.#readers = Array.from({ length: readConnections }, () => new Connection(reads, requireSame));
    const writes = clientsOf(pg, url, { planOnce: true });
    const writers = url.isReadOnly ? [] : Array.from({ length: url.lanes }, () => this.#writer(writes));
    this.#lanes = writers.map(({ lane }) => lane);
    this.#connections = [tail, ...this.#readers, ...writers.map(({ connection }) => connection)];
    this.capabilities = postgresCapabilities(url, first.schema);
    const { pokes, log } = options;
    this.#served = new ServedLog(
      {
        pokes,
        log,
        tail,
        epochs: first.epochs,
        looked: (ms) => this.#looked(ms),
        replaced: (epoch) => this.#replaced(epoch),
      },
      first,
      first.served,
    );
    const hasPlace = first.schema === 'usable';
    const tokens = hasPlace
      ? new StoredTokens(this.#read, () => void this.#served.checkEpoch(this.#read))
      : new ProcessTokens();
    this.namespaces = new PostgresNamespaces(this, first.served, tokens);
    this.tickets = hasPlace ? new StoredTickets(this.#read) : undefined;
    this.groups = first.keepsGroups && !url.isReadOnly ? new PostgresGroups(this.#read) : undefined;
    this.opening = openingOf(url, first.schema);
    this.#parts = {
      store: this,
      pokes,
      current: () => this.#served,
      reader: this.#reader,
      append: (stream, messages, expectedVersion) => this.#append(stream, messages, expectedVersion),
    };
  }

  /** Connects and inspects the database. Throws {@link ConfigError} with the remedy if it cannot be served. */
  static async open(text: string, options: StoreOptions): Promise<PostgresStore> {
    const url = parsePostgresUrl(text);
    const pg = await loadPg();
    let store: PostgresStore | undefined;
    let first: MessageDb | undefined;
    const opened = async (client: Client) => {
      const found = await inspectMessageDb(queryOf(client), url);
      first ??= found;
      if (store !== undefined) await store.#served.become(found, queryOf(client));
      client.on('notification', ({ channel }) => {
        if (channel === groupsChannel) store?.groups?.hint();
        else store?.kick();
      });
      if (url.notify !== undefined) await client.query(`LISTEN ${url.notify}`);
      if (store?.listensForGroups) await client.query(`LISTEN ${groupsChannel}`);
    };
    const tail = new Connection(clientsOf(pg, url, { planOnce: true }), opened, url.isPooled);
    try {
      await tail.query('SELECT 1');
      const query: Query = (statement, values) => tail.query(statement, values);
      const schema = await inspectSchema(query);
      const epochs = schema === 'usable' && (await keepsEpochs(query)) ? new StoredEpochs() : new ProcessEpochs();
      const served = await epochs.read(query, first!.epoch);
      const hasGroups = schema === 'usable' && (await keepsGroups(query));
      store = new PostgresStore(pg, url, tail, { ...first!, schema, epochs, served, keepsGroups: hasGroups }, options);
      if (store.listensForGroups) await tail.query(`LISTEN ${groupsChannel}`);
      return store;
    } catch (error) {
      await tail.close();
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`--store: PostgreSQL at ${url.place} does not answer: ${textOfFault(error)}`);
    }
  }

  /** A pooler does not support LISTEN, because the next transaction may use another connection. */
  get listensForGroups(): boolean {
    return this.groups !== undefined && !this.#url.isPooled;
  }

  log(id: LogId): Log {
    return new PostgresLog(this.#parts, id);
  }

  async beginReplacement(): Promise<ImportSession> {
    return refuseUnsupported(this, 'replacements');
  }

  async backup(): Promise<BackupOutcome> {
    return refuseUnsupported(this, 'backups');
  }

  async summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>> {
    const { epoch } = this.#served.settled;
    if (!logs.includes(epoch)) return new Map();
    const [messages, streams, , , newestMicros] = await readEstimate(this.#read);
    return new Map([[epoch, { messages, streams, lastActivityMs: millisecondsOf(newestMicros) }]]);
  }

  async forget(): Promise<Forgotten> {
    return refuseUnsupported(this, 'retention');
  }

  async check(): Promise<void> {
    await this.#served.settled.settled();
  }

  async usage(): Promise<StoreUsage> {
    const [messages, streams, bytes, oldestMicros] = await readEstimate(this.#read);
    const forgotten = { messages: 0, bytes: 0 };
    return { messages, streams, bytes, maxBytes: 0, forgotten, oldestMs: millisecondsOf(oldestMicros) };
  }

  measure(metrics: Metrics): void {
    this.#looked = measurePostgres(metrics, {
      settled: () => this.#served.settled,
      lanes: this.#lanes,
      connections: this.#connections,
    });
  }

  async close(): Promise<void> {
    this.#served.settled.stop();
    this.namespaces.stop();
    this.groups?.stop();
    // In parallel, because on a disconnected network each waits for the server's reply.
    await Promise.all([...this.#lanes, ...this.#connections].map((part) => part.close()));
  }

  #replaced(epoch: LogId): void {
    this.namespaces.replaceLog(epoch);
    // Open connections may still lead to the former primary.
    for (const connection of this.#connections) if (connection !== this.#tail) connection.drop();
  }

  /** Looks for new messages now. */
  kick(): void {
    this.#served.settled.kick();
  }

  /** An appending connection and its lane. */
  #writer(open: OpenClient): { readonly connection: Connection; readonly lane: Lane } {
    const { isPooled } = this.#url;
    let server: string | undefined;
    const opened = async (client: Client) => {
      ({ server } = await this.#requireSame(client));
    };
    const connection = new Connection(open, opened, isPooled);
    const lane = new Lane(connection, (rows) => {
      this.#served.settled.committed(rows, !isPooled && this.#served.isReadFrom(server));
    });
    return { connection, lane };
  }

  /** Refuses a connection to a database with another log until the tail has switched to that log. */
  async #requireSame(client: Client): Promise<MessageDb> {
    const found = await inspectMessageDb(queryOf(client), this.#url);
    this.#served.requireSame(found);
    return found;
  }

  #append(
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome> {
    // By category, so that two lanes of one node never wait for the same lock.
    const { category } = new StreamName(stream);
    return this.#lanes[laneOf(category, this.#lanes.length)]!.append({ stream, messages, expectedVersion });
  }

  /** Round robin over the read connections. */
  readonly #reader = (): Query => {
    this.#turn = (this.#turn + 1) % this.#readers.length;
    const connection = this.#readers[this.#turn]!;
    return async (text, values) => {
      try {
        return await connection.query(text, values);
      } catch (error) {
        throw storeFault(error);
      }
    };
  };

  readonly #read: Query = (text, values) => this.#reader()(text, values);
}

function queryOf(client: Client): Query {
  return async (text, values) => {
    const { rows, command } = await client.query({ text, values: [...(values ?? [])], rowMode: 'array' });
    return { rows: rows as never, command };
  };
}

function millisecondsOf(micros: number | null): number | undefined {
  return micros === null ? undefined : Math.floor(micros / 1_000);
}

function laneOf(category: string, lanes: number): number {
  let sum = 0;
  for (let at = 0; at < category.length; at++) sum = (sum * 31 + category.charCodeAt(at)) >>> 0;
  return sum % lanes;
}
