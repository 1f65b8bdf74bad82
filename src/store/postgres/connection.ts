import type { Socket } from 'node:net';
import type { Client, ClientConfig } from 'pg';
import { ConfigError } from '../../config-error.ts';
import { storeFault } from './database-errors.ts';
import type { PostgresServer, PostgresUrl } from './postgres-url.ts';

/** The module `pg`, loaded only if the URL names PostgreSQL. */
export type Pg = typeof import('pg');

/** Throws {@link ConfigError} if it is not installed. */
export async function loadPg(): Promise<Pg> {
  try {
    const { default: pg } = await import('pg');
    return pg as unknown as Pg;
  } catch (cause) {
    throw new ConfigError('postgres: needs the package pg, which is not installed: npm install pg', { cause });
  }
}

const connectMs = 5_000;
/** Shorter than `answerMs`: the server cancels a slow statement before the client gives up the connection. */
const statementMs = 8_000;
const answerMs = 10_000;
const goodbyeMs = 2_000;
const leastRetryMs = 50;
const mostRetryMs = 2_000;

/** OID of `bigint`, which the driver would otherwise return as text. */
const bigint = 20;
const types: ClientConfig['types'] = {
  getTypeParser: (oid: number) => (oid === bigint || oid === 23 || oid === 26 ? Number : parserOf(oid)),
};

function parserOf(oid: number): (text: string) => unknown {
  // bool
  if (oid === 16) return (text) => text === 't';
  return (text) => text;
}

/**
 * Plans each {@link Statement} once per connection rather than on each execution. Such a plan must suit a table of any
 * size, so it always uses the index: planned for an empty table, it would otherwise scan the table until the next
 * ANALYZE.
 */
const planOnce = ['plan_cache_mode=force_generic_plan', 'enable_seqscan=off', 'enable_bitmapscan=off'];

/** How connections are used. Without `planOnce`: for statements that differ each time. */
export type ClientOptions = { readonly planOnce?: boolean };

/** Opens a client; rejects soon after the signal. */
export type OpenClient = (signal?: AbortSignal) => Promise<Client>;

/** Opens clients of one database with the settings that the store depends on, overriding the database's defaults. */
export function clientsOf(pg: Pg, url: PostgresUrl, options: ClientOptions = {}): OpenClient {
  const settings = [
    'search_path=message_store,public',
    'default_transaction_isolation=read\\ committed',
    `statement_timeout=${statementMs}`,
    'idle_in_transaction_session_timeout=10000',
    'lock_timeout=5000',
    'jit=off',
    ...(options.planOnce ? planOnce : []),
  ];
  const config: ClientConfig & { pipeline: boolean } = {
    user: url.user,
    password: url.password,
    database: url.database,
    ssl: url.tls === 'disable' ? false : { rejectUnauthorized: url.tls === 'verify-full' },
    application_name: 'pokewire',
    // A pooler rejects startup options, because the next transaction may run on a connection that others share.
    ...(url.isPooled ? {} : { options: settings.map((setting) => `-c ${setting}`).join(' ') }),
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
    pipeline: true,
    types,
  };
  const connect = async (server: PostgresServer, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted();
    const client = new pg.Client({ ...config, ...server });
    // Without a handler, a broken idle client would end the process. Pending queries reject anyway.
    client.on('error', () => {});
    await destroyOnAbort(client, signal, () => client.connect());
    return client;
  };
  const { servers } = url;
  return (signal) => (servers.length === 1 ? connect(servers[0]!, signal) : connectToPrimary(servers, connect, signal));
}

/** Destroys the client if the signal aborts before the step is done, so that the step rejects. */
async function destroyOnAbort<T>(client: Client, signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
  const abort = () => destroy(client);
  signal?.addEventListener('abort', abort);
  try {
    return await step();
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Tries the servers in order and takes the first that is not a standby. The rejection lists every server's fault. */
async function connectToPrimary(
  servers: readonly PostgresServer[],
  connect: (server: PostgresServer, signal: AbortSignal | undefined) => Promise<Client>,
  signal: AbortSignal | undefined,
): Promise<Client> {
  const faults: unknown[] = [];
  for (const server of servers) {
    try {
      const client = await connect(server, signal);
      if (await destroyOnAbort(client, signal, () => isPrimary(client))) return client;
      await endClient(client);
      faults.push(new Error(`${server.host}:${server.port} is a standby`));
    } catch (fault) {
      faults.push(fault);
    }
  }
  throw new AggregateError(faults, 'no server is the primary');
}

async function isPrimary(client: Client): Promise<boolean> {
  try {
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    return !rows[0]!.standby;
  } catch (error) {
    await endClient(client);
    throw error;
  }
}

/** Ends a client. Destroys its socket after 2 s, because on a disconnected network the server's reply never arrives. */
export async function endClient(client: Client): Promise<void> {
  const timer = setTimeout(() => destroy(client), goodbyeMs);
  await client.end().finally(() => clearTimeout(timer));
}

/** Breaks a connection. Pending statements reject. */
function destroy(client: Client): void {
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
}

/** A statement that a connection parses only once. Its name belongs to this text alone. */
export type Statement = { readonly name: string; readonly text: string };

export type Answer<Row> = { readonly rows: readonly Row[]; readonly command: string };

/**
 * One connection, opened on first use and reopened after it broke. A failed attempt delays the next by 50 ms, later up
 * to 2 s. Statements are pipelined, so those of one turn take one round trip. Rejects with the driver's errors.
 */
export class Connection {
  readonly #open: OpenClient;
  readonly #opened: (client: Client) => Promise<void>;
  readonly #isPooled: boolean;
  readonly #closing = new AbortController();
  #client: Promise<Client> | undefined = undefined;
  #retryMs = leastRetryMs;
  #retryAtMs = 0;
  #lastError: unknown = undefined;
  #isReady = false;
  /** How often a connection broke or could not be opened. */
  breaks = 0;
  /** Number of statements sent. */
  queries = 0;
  /** Number of statements waiting for an answer or a connection. */
  underWay = 0;

  /**
   * `opened` checks each new client before its first statement; if it rejects, the client is destroyed. `isPooled`:
   * another session may run the next statement, so none is prepared.
   */
  constructor(open: OpenClient, opened: (client: Client) => Promise<void> = async () => {}, isPooled = false) {
    this.#open = open;
    this.#opened = opened;
    this.#isPooled = isPooled;
  }

  /** Whether the connection is open and checked. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether the connection is open or being opened. */
  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  async query<Row extends readonly unknown[]>(
    statement: string | Statement,
    values: readonly unknown[] = [],
  ): Promise<Answer<Row>> {
    this.underWay++;
    try {
      const client = await this.#take();
      this.queries++;
      const { name, text } = typeof statement === 'string' ? { name: '', text: statement } : statement;
      const prepared = name === '' || this.#isPooled ? {} : { name };
      const { rows, command } = await client.query({ text, values: [...values], rowMode: 'array', ...prepared });
      return { rows: rows as unknown as Row[], command };
    } finally {
      this.underWay--;
    }
  }

  /** Destroys the connection; pending statements reject. The next statement opens a new one. */
  drop(): void {
    this.#client?.then(destroy, () => {});
    this.#client = undefined;
    this.#isReady = false;
  }

  /** Waits 2 s for pending statements, then breaks the connection and they reject. A connection being opened is broken at once. */
  async close(): Promise<void> {
    this.#closing.abort(storeFault(new Error('the store is closed')));
    const client = this.#client;
    this.#client = undefined;
    this.#isReady = false;
    await client?.then(endClient, () => {});
  }

  #take(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    this.#closing.signal.throwIfAborted();
    if (performance.now() < this.#retryAtMs) throw this.#lastError;
    const opening = this.#openClient();
    this.#client = opening;
    const forget = () => {
      if (this.#client !== opening) return;
      this.#client = undefined;
      this.#isReady = false;
    };
    opening.then(
      (client) => {
        client.once('end', () => {
          this.breaks++;
          forget();
        });
        this.#retryMs = leastRetryMs;
        this.#isReady = this.#client === opening;
      },
      (error: unknown) => {
        this.breaks++;
        this.#lastError = error;
        this.#retryAtMs = performance.now() + this.#retryMs;
        this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
        forget();
      },
    );
    return opening;
  }

  async #openClient(): Promise<Client> {
    const { signal } = this.#closing;
    const client = await this.#open(signal);
    try {
      signal.throwIfAborted();
      await destroyOnAbort(client, signal, () => this.#opened(client));
      return client;
    } catch (error) {
      destroy(client);
      throw error;
    }
  }
}
