import { requireSupport } from '../capabilities.ts';
import type { LogId } from '../log-id.ts';
import type { CreateOutcome, Namespace, NamespaceChanges, NamespaceStore, TokenRecord } from '../namespace-store.ts';
import type { RetentionOutcome } from '../retention.ts';
import { sameTokens } from '../shared/same-tokens.ts';
import type { Store } from '../store.ts';

const id = 'default';

/** The one namespace of a Message DB. Its tokens are those of this process: the schema has no place for them. */
export class PostgresNamespaces implements NamespaceStore {
  readonly #store: Pick<Store, 'kind' | 'capabilities'>;
  readonly #followers = new Set<() => void>();
  #namespace: Namespace;
  #revision = 0;

  constructor(store: Pick<Store, 'kind' | 'capabilities'>, log: LogId) {
    this.#store = store;
    this.#namespace = { id, uid: id, log, description: 'Message DB', createdAtMs: 0, tokens: [], retention: [] };
  }

  async create(): Promise<CreateOutcome> {
    return this.#refuse('namespaces');
  }

  async find(wanted: string): Promise<Namespace | undefined> {
    return wanted === id ? this.#namespace : undefined;
  }

  async list(after: string | undefined, limit: number): Promise<Namespace[]> {
    return limit > 0 && (after === undefined || after < id) ? [this.#namespace] : [];
  }

  async setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    if (namespace.uid !== id || !sameTokens(namespace.tokens, this.#namespace.tokens)) return false;
    this.#put({ ...this.#namespace, tokens });
    return true;
  }

  async setRetention(): Promise<RetentionOutcome> {
    return this.#refuse('retention');
  }

  async remove(): Promise<number | undefined> {
    return this.#refuse('namespaces');
  }

  async changesSince(revision: number | undefined): Promise<NamespaceChanges> {
    const since = revision ?? this.#revision;
    const ids = since > this.#revision ? 'all' : since < this.#revision ? [id] : [];
    return { revision: this.#revision, ids };
  }

  follow(changed: () => void): () => void {
    const follower = () => changed();
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** The database is another one now. */
  replaceLog(log: LogId): void {
    this.#put({ ...this.#namespace, log });
  }

  stop(): void {
    this.#followers.clear();
  }

  #put(namespace: Namespace): void {
    this.#namespace = namespace;
    this.#revision++;
    for (const changed of this.#followers) changed();
  }

  #refuse(support: 'namespaces' | 'retention'): never {
    requireSupport(this.#store, support);
    throw new Error(`the capabilities include ${support}`);
  }
}
