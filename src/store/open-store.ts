import { ConfigError } from '../config-error.ts';
import type { Poke } from '../message/poke.ts';
import type { ObjectPool } from '../pool/object-pool.ts';
import { MemoryStorage } from './memory/memory-storage.ts';
import { MemoryStore } from './memory/memory-store.ts';
import type { Store } from './store.ts';

/** What every engine may need. */
export type StoreOptions = {
  readonly pokes: ObjectPool<Poke>;
  /** Bytes that messages may take, for engines with a limit of their own. 0: no limit. */
  readonly maxBytes: number;
};

/** Opens the engine that the URL names, for messages and namespaces; throws {@link ConfigError} for an unknown engine. */
export type OpenStore = (url: string, options: StoreOptions) => Promise<Store>;

export const openStore: OpenStore = async (url, { pokes, maxBytes }) => {
  if (url === 'memory:') return new MemoryStore(new MemoryStorage(maxBytes), pokes);
  // Never with what follows the scheme, which may hold a password.
  const [scheme] = /^[a-z][a-z0-9+.-]{0,63}:/i.exec(url) ?? [];
  throw new ConfigError(`--store must be memory:, got ${scheme === undefined ? 'no URL' : `${scheme}…`}`);
};
