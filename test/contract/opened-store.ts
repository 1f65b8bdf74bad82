import { expect } from 'vitest';
import type { Poke } from '../../src/message/poke.ts';
import type { ObjectPool } from '../../src/pool/object-pool.ts';
import type { Namespace, NewNamespace } from '../../src/store/namespace-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { messageAt } from '../support/imported-messages.ts';
import { WholeLog } from './whole-log.ts';

/** How the suite opens stores. */
export type StoreHarness = {
  /** Opens a new, empty store. */
  open(options: StoreOptions): Promise<Store>;
  /** Opens another handle on the same storage with the same options, like another node. */
  second?(store: Store): Promise<Store>;
  /** Reopens the storage of a store that was closed, with the same options. */
  reopen?(store: Store): Promise<Store>;
  /** Whether several cases run at the same time, because they mostly wait for a network. Absent: one after another. */
  readonly isConcurrent?: boolean;
  /** Number of pairs that race; a store on a network needs many, because there the order of two calls varies. */
  readonly races?: number;
};

/** The namespace of every case. */
export const defaultId = 'default';

let uids = 0;

/** A namespace to create, without tokens, with a new `uid` each time. */
export function newNamespace(id: string, parts: Partial<NewNamespace> = {}): NewNamespace {
  return { id, uid: `uid-${uids++}`, description: '', createdAtMs: 1_700_000_000_001, tokens: [], ...parts };
}

/**
 * A store with the namespace `default`, and short calls for its log. Closing it closes every handle it created, and
 * fails if pokes were not released.
 */
export class OpenedStore extends WholeLog implements AsyncDisposable {
  readonly store: Store;
  readonly pool: ObjectPool<Poke>;
  /** As it was when the store was opened. */
  readonly namespace: Namespace;
  readonly #harness: StoreHarness | undefined;
  readonly #others: OpenedStore[] = [];
  #isClosed = false;

  private constructor(store: Store, pool: ObjectPool<Poke>, namespace: Namespace, harness?: StoreHarness) {
    super(store.log(namespace.log));
    this.store = store;
    this.pool = pool;
    this.namespace = namespace;
    this.#harness = harness;
  }

  /** Takes over a store, and creates the namespace `default` if it is missing. */
  static async over(store: Store, pool: ObjectPool<Poke>, harness?: StoreHarness): Promise<OpenedStore> {
    const { namespaces } = store;
    const namespace =
      (await namespaces.find(defaultId)) ?? (await createNamespace(namespaces, newNamespace(defaultId)));
    return new OpenedStore(store, pool, namespace, harness);
  }

  /** Creates another namespace and returns its log. */
  async create(id: string): Promise<WholeLog & { readonly namespace: Namespace }> {
    const namespace = await createNamespace(this.store.namespaces, newNamespace(id));
    return Object.assign(new WholeLog(this.store.log(namespace.log)), { namespace });
  }

  /** Replaces the log of `default` and returns the new one. */
  async replaceBy(...places: readonly string[]): Promise<WholeLog> {
    const session = await this.store.beginReplacement(this.namespace);
    expect(await session.add(places.map((place) => messageAt(place)))).toEqual({ outcome: 'imported', known: 0 });
    expect(await session.commit()).toEqual({ outcome: 'committed' });
    return this.current();
  }

  /** The current log of `default`. */
  async current(): Promise<WholeLog> {
    const namespace = await this.store.namespaces.find(defaultId);
    return new WholeLog(this.store.log(namespace!.log));
  }

  /** Another handle on the same storage. */
  async second(): Promise<OpenedStore> {
    const store = await this.#harness!.second!(this.store);
    const second = await OpenedStore.over(store, this.pool, this.#harness);
    this.#others.push(second);
    return second;
  }

  /** Closes this handle and opens its storage again. */
  async reopen(): Promise<OpenedStore> {
    await this.close();
    const reopened = await OpenedStore.over(await this.#harness!.reopen!(this.store), this.pool, this.#harness);
    this.#others.push(reopened);
    return reopened;
  }

  /** Closes this handle. No call may follow. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const other of this.#others) await other[Symbol.asyncDispose]();
    await this.close();
    const { leased } = this.pool.stats;
    if (leased !== 0) throw new Error(`${leased} pokes were not given back`);
  }
}
