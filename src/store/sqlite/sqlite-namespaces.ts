import type { LogId } from '../log-id.ts';
import type {
  CreateOutcome,
  Namespace,
  NamespaceChanges,
  NamespaceStore,
  NewNamespace,
  TokenRecord,
} from '../namespace-store.ts';
import type { RetentionLimits, RetentionOutcome } from '../retention.ts';
import { ChangedKeys } from '../shared/changed-keys.ts';
import { maxListEntries } from '../shared/page-limits.ts';
import { compareUtf8 } from '../shared/utf8-order.ts';
import type { Announcer } from './announcer.ts';
import type { StoreThread } from './store-thread.ts';
import type { NamespaceName } from './write-namespaces.ts';
import type { WriterMethods } from './writer.ts';

/**
 * Namespaces of the database. Only one process opens the file, so all of them are cached in memory and requests need no
 * read; the writer makes changes.
 */
export class SqliteNamespaces implements NamespaceStore {
  readonly #writer: StoreThread;
  readonly #announcer: Announcer;
  readonly #namespaces: Map<string, Namespace>;
  readonly #changed: ChangedKeys;

  constructor(
    { writer, announcer }: { readonly writer: StoreThread; readonly announcer: Announcer },
    namespaces: readonly Namespace[],
    revision: number,
  ) {
    this.#writer = writer;
    this.#announcer = announcer;
    this.#namespaces = new Map(namespaces.map((namespace) => [namespace.id, namespace]));
    this.#changed = new ChangedKeys(revision);
  }

  async create(namespace: NewNamespace): Promise<CreateOutcome> {
    return this.#writer.ask<WriterMethods['create']>('create', [namespace], (outcome) => {
      if (outcome.outcome === 'created') this.#put(outcome.namespace);
    });
  }

  async find(id: string): Promise<Namespace | undefined> {
    return this.#namespaces.get(id);
  }

  async list(after: string | undefined, limit: number): Promise<Namespace[]> {
    const ids = [...this.#namespaces.keys()].sort(compareUtf8);
    const from = after === undefined ? 0 : ids.findIndex((id) => compareUtf8(id, after) > 0);
    if (from === -1) return [];
    return ids.slice(from, from + Math.min(limit, maxListEntries)).map((id) => this.#namespaces.get(id)!);
  }

  async setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    const args: Parameters<WriterMethods['setTokens']> = [nameOf(namespace), namespace.tokens, tokens];
    const changed = await this.#writer.ask<WriterMethods['setTokens']>('setTokens', args, (found) => {
      if (found !== undefined) this.#put(found);
    });
    return changed !== undefined;
  }

  async setRetention(
    namespace: Namespace,
    category: string | undefined,
    limits: RetentionLimits | undefined,
  ): Promise<RetentionOutcome> {
    const args: Parameters<WriterMethods['setRetention']> = [nameOf(namespace), category, limits];
    const changed = await this.#writer.ask<WriterMethods['setRetention']>('setRetention', args, (found) => {
      if (typeof found === 'object') this.#put(found);
    });
    return typeof changed === 'object' ? 'changed' : changed;
  }

  /** Whether any namespace has a retention rule. */
  get haveRules(): boolean {
    return this.#namespaces.values().some(({ retention }) => retention.length > 0);
  }

  async remove(namespace: Namespace): Promise<number | undefined> {
    const removed = await this.#writer.ask<WriterMethods['remove']>('remove', [nameOf(namespace)], (found) => {
      if (found === undefined) return;
      this.#namespaces.delete(namespace.id);
      this.#changed.note([namespace.id]);
      this.#announcer.wake(found.log);
    });
    return removed?.messages;
  }

  async changesSince(revision: number | undefined): Promise<NamespaceChanges> {
    const { keys, ...known } = this.#changed.since(revision);
    return { ...known, ids: keys };
  }

  follow(changed: () => void): () => void {
    return this.#changed.follow(changed);
  }

  /** Records that the log of a namespace was replaced. */
  replaced(namespace: Namespace, old: LogId): void {
    this.#put(namespace);
    this.#announcer.wake(old);
  }

  stop(): void {
    this.#changed.stop();
  }

  #put(namespace: Namespace): void {
    this.#namespaces.set(namespace.id, namespace);
    this.#changed.note([namespace.id]);
  }
}

function nameOf({ id, uid }: Namespace): NamespaceName {
  return { id, uid };
}
