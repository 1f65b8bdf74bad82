import { expect } from 'vitest';
import type { Poke } from '../../src/message/poke.ts';
import type { ObjectPool } from '../../src/pool/object-pool.ts';
import type { Namespace, NewNamespace } from '../../src/store/namespace-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { messageAt } from '../support/imported-messages.ts';
import { WholeLog } from './whole-log.ts';

/** How the suite comes to a store. */
export type StoreHarness = {
  /** Opens a fresh, empty store. */
  open(options: StoreOptions): Promise<Store>;
  /** Another handle on the same storage with the same options, as another node has. */
  second?(store: Store): Promise<Store>;
  /** Opens the storage of a store that was closed again, with the same options. */
  reopen?(store: Store): Promise<Store>;
};

/** The namespace that every case begins with. */
export const defaultId = 'default';

let uids = 0;

/** A namespace to create, without tokens; its `uid` is another one each time. */
export function newNamespace(id: string, parts: Partial<NewNamespace> = {}): NewNamespace {
  return { id, uid: `uid-${uids++}`, description: '', createdAtMs: 1_700_000_000_001, tokens: [], ...parts };
}

/**
 * A store with the namespace `default`, and shorter ways to ask its log. Ending it closes every handle that it gave, and is
 * an error when pokes were not given back.
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

  /** Takes over a store, and creates the namespace `default` where it is missing. */
  static async over(store: Store, pool: ObjectPool<Poke>, harness?: StoreHarness): Promise<OpenedStore> {
    const { namespaces } = store;
    const namespace =
      (await namespaces.find(defaultId)) ?? (await createNamespace(namespaces, newNamespace(defaultId)));
    return new OpenedStore(store, pool, namespace, harness);
  }

  /** The log of a further namespace. */
  async create(id: string): Promise<WholeLog & { readonly namespace: Namespace }> {
    const namespace = await createNamespace(this.store.namespaces, newNamespace(id));
    return Object.assign(new WholeLog(this.store.log(namespace.log)), { namespace });
  }

  /** Puts a log in place of that of `default` and returns it. */
  async replaceBy(...places: readonly string[]): Promise<WholeLog> {
    const session = await this.store.beginReplacement(this.namespace);
    expect(await session.add(places.map((place) => messageAt(place)))).toEqual({ outcome: 'imported', known: 0 });
    expect(await session.commit()).toEqual({ outcome: 'committed' });
    return this.current();
  }

  /** The log that `default` has now. */
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

  /** Closes this handle; nothing is asked of it afterwards. */
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
