import { NatsStore } from '../../src/store/nats/nats-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { NatsCluster, type NatsClusterOptions } from './nats-cluster.ts';

/** Empty stores over one cluster, each with its own prefix, for one test after another. */
export class NatsStores implements AsyncDisposable {
  readonly cluster: NatsCluster;
  readonly #opened = new WeakMap<Store, { readonly url: string; readonly options: StoreOptions }>();
  #prefixes = 0;

  private constructor(cluster: NatsCluster) {
    this.cluster = cluster;
  }

  static async start(options?: NatsClusterOptions): Promise<NatsStores> {
    return new NatsStores(await NatsCluster.start(options));
  }

  /** Opens an empty store. */
  open(options: StoreOptions, parameters = ''): Promise<Store> {
    return this.#openUrl(this.cluster.url(`test-${this.#prefixes++}`, parameters), options);
  }

  /** Reopens the storage of a store. */
  again(store: Store): Promise<Store> {
    const { url, options } = this.#opened.get(store)!;
    return this.#openUrl(url, options);
  }

  /** The prefix of a store, which is the name of its bucket of namespaces. */
  prefixOf(store: Store): string {
    return /\/([^/?]+)(?:\?.*)?$/.exec(this.#opened.get(store)!.url)![1]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }

  async #openUrl(url: string, options: StoreOptions): Promise<Store> {
    const store = await NatsStore.open(url, options);
    this.#opened.set(store, { url, options });
    return store;
  }
}
