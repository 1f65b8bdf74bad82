import { refuseUnsupported } from '../capabilities.ts';
import type { LogId } from '../log-id.ts';
import type { CreateOutcome, Namespace, NamespaceChanges, NamespaceStore, TokenRecord } from '../namespace-store.ts';
import type { RetentionOutcome } from '../retention.ts';
import { Followers } from '../shared/followers.ts';
import { sameTokens } from '../shared/same-tokens.ts';
import type { Store } from '../store.ts';
import type { KeptTokens } from './kept-tokens.ts';

/** Id and `uid` of a Message DB's only namespace; it can never be recreated. */
export const onlyNamespace = 'default';

/** The only namespace of a Message DB. */
export class PostgresNamespaces implements NamespaceStore {
  readonly #store: Pick<Store, 'kind' | 'capabilities'>;
  readonly #tokens: KeptTokens;
  readonly #followers = new Followers();
  #log: LogId;
  /** How often the log was replaced. */
  #replacements = 0;

  constructor(store: Pick<Store, 'kind' | 'capabilities'>, log: LogId, tokens: KeptTokens) {
    this.#store = store;
    this.#log = log;
    this.#tokens = tokens;
  }

  async create(): Promise<CreateOutcome> {
    return refuseUnsupported(this.#store, 'namespaces');
  }

  async find(wanted: string): Promise<Namespace | undefined> {
    if (wanted !== onlyNamespace) return undefined;
    const { tokens } = await this.#tokens.read();
    const [id, uid] = [onlyNamespace, onlyNamespace];
    return { id, uid, log: this.#log, description: 'Message DB', createdAtMs: 0, tokens, retention: [] };
  }

  async list(after: string | undefined, limit: number): Promise<Namespace[]> {
    const found =
      limit > 0 && (after === undefined || after < onlyNamespace) ? await this.find(onlyNamespace) : undefined;
    return found === undefined ? [] : [found];
  }

  async setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    if (namespace.uid !== onlyNamespace) return false;
    for (;;) {
      const kept = await this.#tokens.read();
      if (!sameTokens(namespace.tokens, kept.tokens)) return false;
      if (await this.#tokens.replace(kept.revision, tokens)) break;
    }
    this.#hint();
    return true;
  }

  async setRetention(): Promise<RetentionOutcome> {
    return refuseUnsupported(this.#store, 'retention');
  }

  async remove(): Promise<number | undefined> {
    return refuseUnsupported(this.#store, 'namespaces');
  }

  async changesSince(revision: number | undefined): Promise<NamespaceChanges> {
    const current = (await this.#tokens.read()).revision + this.#replacements;
    const since = revision ?? current;
    return { revision: current, ids: since > current ? 'all' : since < current ? [onlyNamespace] : [] };
  }

  follow(changed: () => void): () => void {
    return this.#followers.follow(changed);
  }

  /** Called when the database holds another log. */
  replaceLog(log: LogId): void {
    this.#log = log;
    this.#replacements++;
    this.#hint();
  }

  stop(): void {
    this.#followers.clear();
  }

  #hint(): void {
    this.#followers.notify();
  }
}
