import { randomUUID } from 'node:crypto';
import { newId } from '../../src/message/new-id.ts';
import { Poke } from '../../src/message/poke.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';
import type { Log } from '../../src/store/log.ts';
import type { Namespace } from '../../src/store/namespace-store.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { usualMessage } from './database.ts';

const { type, data, metadata } = JSON.parse(usualMessage) as { type: string; data: object; metadata: object };
const usualParts = { type, data: JSON.stringify(data), metadata: JSON.stringify(metadata) };

/** Opens a store in this process, without a server, and passes the log of its first namespace to `use`. */
export async function withStoreLog<T>(url: string, use: (log: Log) => Promise<T>): Promise<T> {
  const pokes = new ObjectPool(() => new Poke(), { min: 256, max: 16_384 });
  const store = await openStore(url, { pokes, maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 100 });
  try {
    const [namespace = await firstOf(store)] = await store.namespaces.list(undefined, 1);
    return await use(store.log(namespace.log));
  } finally {
    await store.close();
  }
}

/** The first namespace of a new store, as a server creates it at its start. */
async function firstOf({ namespaces }: Store): Promise<Namespace> {
  const first = { id: 'default', uid: randomUUID(), description: '', createdAtMs: Date.now(), tokens: [] };
  const created = await namespaces.create(first);
  if (created.outcome !== 'created') throw new Error(`the first namespace came to ${created.outcome}`);
  return created.namespace;
}

/** Appends the usual message to a stream; rejects unless it is stored. */
export async function appendUsual(log: Log, stream: string): Promise<void> {
  const { outcome } = await log.append(stream, [{ id: newId(), given: false, ...usualParts }], undefined);
  if (outcome !== 'appended') throw new Error(`the append ended with ${outcome}`);
}
