import type { FastifyBaseLogger } from 'fastify';
import { ConfigError } from '../config-error.ts';
import type { Poke } from '../message/poke.ts';
import type { ObjectPool } from '../pool/object-pool.ts';
import { MemoryStorage } from './memory/memory-storage.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { parseNatsUrl } from './nats/nats-url.ts';
import { parsePostgresUrl } from './postgres/postgres-url.ts';
import { parseSqliteUrl } from './sqlite/sqlite-url.ts';
import type { Store, StoreLimits } from './store.ts';

/** Options for any engine. */
export type StoreOptions = StoreLimits & {
  readonly pokes: ObjectPool<Poke>;
  /** Receives log lines for operators. Absent: none are written. */
  readonly log?: StoreReporter | undefined;
};

/** The part of the logger that a store uses. */
export type StoreReporter = Pick<FastifyBaseLogger, 'warn' | 'info'>;

/** Opens the engine named by the URL. Throws {@link ConfigError} for an unknown engine. */
export type OpenStore = (url: string, options: StoreOptions) => Promise<Store>;

export const openStore: OpenStore = async (url, { pokes, log, ...limits }) => {
  if (url === 'memory:') return new MemoryStore(new MemoryStorage(limits), pokes);
  if (url.startsWith('sqlite:')) {
    const { SqliteStore } = await import('./sqlite/sqlite-store.ts');
    return SqliteStore.open(url, { pokes, ...limits });
  }
  if (isPostgres(url)) {
    const { PostgresStore } = await import('./postgres/postgres-store.ts');
    return PostgresStore.open(url, { pokes, log, ...limits });
  }
  if (url.startsWith('nats:')) {
    const { NatsStore } = await import('./nats/nats-store.ts');
    return NatsStore.open(url, { pokes, log, ...limits });
  }
  throw unknownEngine(url);
};

/** Throws the same {@link ConfigError} as {@link openStore} for an invalid URL, but opens nothing. */
export function checkStoreUrl(url: string): void {
  if (url.startsWith('sqlite:')) parseSqliteUrl(url);
  else if (isPostgres(url)) parsePostgresUrl(url);
  else if (url.startsWith('nats:')) parseNatsUrl(url);
  else if (url !== 'memory:') throw unknownEngine(url);
}

function isPostgres(url: string): boolean {
  return url.startsWith('postgres:') || url.startsWith('postgresql:');
}

function unknownEngine(url: string): ConfigError {
  // Only the scheme: the rest may contain a password.
  const [scheme] = /^[a-z][a-z0-9+.-]{0,63}:/i.exec(url) ?? [];
  return new ConfigError(
    `--store must be memory:, sqlite:FILE, postgres://… or nats://…, got ${scheme === undefined ? 'no URL' : `${scheme}…`}`,
  );
}
