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
import { forgetsWhenFull, withRule } from '../shared/retention-rules.ts';
import { sameTokens } from '../shared/same-tokens.ts';
import { FormerHeads } from './former-heads.ts';
import { MemoryLog } from './memory-log.ts';
import type { MemoryStorage } from './memory-storage.ts';

/** Namespaces in memory. */
export class MemoryNamespaces implements NamespaceStore {
  readonly #storage: MemoryStorage;
  readonly #namespaces = new Map<string, Namespace>();
  /** Sorted by bytes. UTF-16 order is the same, as ids are ASCII. */
  readonly #ids: string[] = [];
  readonly #maxNamespaces: number;
  readonly #formerHeads = new FormerHeads();
  readonly #changed = new ChangedKeys();

  constructor(storage: MemoryStorage, maxNamespaces: number) {
    this.#storage = storage;
    this.#maxNamespaces = maxNamespaces;
  }

  async create(namespace: NewNamespace): Promise<CreateOutcome> {
    const { id } = namespace;
    const maxNamespaces = this.#maxNamespaces;
    if (this.#namespaces.has(id)) return { outcome: 'exists' };
    if (this.#namespaces.size >= maxNamespaces) return { outcome: 'too-many', maxNamespaces };
    const account = this.#storage.budget.open(namespace);
    if ('outcome' in account) return account;
    const reached = this.#formerHeads.take(id);
    const log = this.#storage.openLog(account, reached === 0 ? 0 : reached + 1);
    const created: Namespace = { ...namespace, log: log.id, retention: [] };
    account.forgetsWhenFull = forgetsWhenFull(created, this.#storage.retention);
    this.#namespaces.set(id, created);
    this.#ids.splice(this.#firstNotBefore(id), 0, id);
    this.#changed.note([id]);
    return { outcome: 'created', namespace: created };
  }

  async find(id: string): Promise<Namespace | undefined> {
    return this.#namespaces.get(id);
  }

  async list(after: string | undefined, limit: number): Promise<Namespace[]> {
    let from = after === undefined ? 0 : this.#firstNotBefore(after);
    if (this.#ids[from] === after) from++;
    return this.#ids.slice(from, from + Math.min(limit, maxListEntries)).map((id) => this.#namespaces.get(id)!);
  }

  async setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    const found = this.#find(namespace);
    if (found === undefined || !sameTokens(found.tokens, namespace.tokens)) return false;
    this.#storage.budget.replaceTokens(this.#logOf(found).account, found.tokens, tokens);
    this.#namespaces.set(found.id, { ...found, tokens });
    this.#changed.note([found.id]);
    return true;
  }

  async setRetention(
    namespace: Namespace,
    category: string | undefined,
    limits: RetentionLimits | undefined,
  ): Promise<RetentionOutcome> {
    const found = this.#find(namespace);
    if (found === undefined) return 'gone';
    const retention = withRule(found.retention, category, limits);
    if (retention === undefined) return 'too-many';
    const { account } = this.#logOf(found);
    this.#storage.budget.replaceRules(account, found.retention, retention);
    const changed = { ...found, retention };
    account.forgetsWhenFull = forgetsWhenFull(changed, this.#storage.retention);
    this.#namespaces.set(found.id, changed);
    this.#changed.note([found.id]);
    return 'changed';
  }

  /** All namespaces, including those added during the iteration. */
  all(): Iterator<Namespace> {
    return this.#namespaces.values();
  }

  async remove(namespace: Namespace): Promise<number | undefined> {
    const found = this.#find(namespace);
    if (found === undefined) return undefined;
    const log = this.#logOf(found);
    this.#namespaces.delete(found.id);
    this.#ids.splice(this.#firstNotBefore(found.id), 1);
    this.#formerHeads.keep(found.id, log.head);
    this.#storage.discard(log);
    this.#storage.groups.removeAll(found.uid);
    this.#storage.budget.close(log.account, found);
    this.#changed.note([found.id]);
    return log.table.length;
  }

  async changesSince(revision: number | undefined): Promise<NamespaceChanges> {
    const { keys, ...known } = this.#changed.since(revision);
    return { ...known, ids: keys };
  }

  follow(changed: () => void): () => void {
    return this.#changed.follow(changed);
  }

  /** Whether the namespace still exists, even with other tokens or another log. */
  has(namespace: Namespace): boolean {
    return this.#find(namespace) !== undefined;
  }

  /** A new log to replace the namespace's; undefined if the namespace was deleted or recreated. */
  stageLog(namespace: Namespace): MemoryLog | undefined {
    const found = this.#find(namespace);
    return found === undefined ? undefined : new MemoryLog(this.#logOf(found).account);
  }

  /** Replaces the namespace's log by a staged one; false if the namespace was deleted or recreated. */
  replaceLog(namespace: Namespace, staged: MemoryLog): boolean {
    const found = this.#find(namespace);
    if (found === undefined) return false;
    const old = this.#logOf(found);
    staged.raiseHead(old.head);
    staged.behind = old.behind;
    this.#storage.logs.set(staged.id, staged);
    this.#namespaces.set(found.id, { ...found, log: staged.id });
    this.#changed.note([found.id]);
    this.#storage.discard(old);
    return true;
  }

  #logOf({ log }: Namespace): MemoryLog {
    return this.#storage.logs.get(log)!;
  }

  #find({ id, uid }: Namespace): Namespace | undefined {
    const found = this.#namespaces.get(id);
    return found?.uid === uid ? found : undefined;
  }

  /** Index of the first id not before the given one. */
  #firstNotBefore(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
