import type { Namespace, NamespaceStore, TokenRecord } from '../namespace-store.ts';

/** Removed ids whose heads are told apart. */
const maxFormerIds = 100_000;

/** Keeps namespaces in memory, gone with the process. */
export class MemoryNamespaces implements NamespaceStore {
  readonly #namespaces = new Map<string, Namespace>();
  /** Heads of removed ids, the one removed first in front. */
  readonly #formerHeads = new Map<string, number>();
  readonly #maxFormerIds: number;
  /** The highest of those that are no longer kept apart; it holds for every id that is not. */
  #floor = 0;

  /** `maxFormer` is how many removed ids are told apart. */
  constructor(maxFormer = maxFormerIds) {
    this.#maxFormerIds = maxFormer;
  }

  async create(namespace: Namespace): Promise<boolean> {
    const { id, behind } = namespace;
    if (this.#namespaces.has(id) || behind < this.#formerHead(id)) return false;
    this.#namespaces.set(id, namespace);
    // It is in the namespace now, and comes back with its removal.
    this.#formerHeads.delete(id);
    return true;
  }

  async formerHead(id: string): Promise<number> {
    return this.#formerHead(id);
  }

  async find(id: string): Promise<Namespace | undefined> {
    return this.#namespaces.get(id);
  }

  async list(): Promise<Namespace[]> {
    return [...this.#namespaces.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async setTokens({ id, log, tokens: before }: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    const namespace = this.#namespaces.get(id);
    if (namespace?.log !== log || !sameTokens(namespace.tokens, before)) return false;
    this.#namespaces.set(id, { ...namespace, tokens });
    return true;
  }

  async remove({ id, log }: Namespace, head: number): Promise<boolean> {
    const namespace = this.#namespaces.get(id);
    if (namespace?.log !== log) return false;
    this.#namespaces.delete(id);
    this.#keepHead(id, Math.max(head, namespace.behind));
    return true;
  }

  #formerHead(id: string): number {
    return this.#formerHeads.get(id) ?? this.#floor;
  }

  #keepHead(id: string, head: number): void {
    if (head <= this.#floor) return;
    this.#formerHeads.set(id, head);
    if (this.#formerHeads.size <= this.#maxFormerIds) return;
    const [oldest, reached] = this.#formerHeads.entries().next().value!;
    this.#formerHeads.delete(oldest);
    this.#floor = Math.max(this.#floor, reached);
  }
}

function sameTokens(a: readonly TokenRecord[], b: readonly TokenRecord[]): boolean {
  const ids = new Set(a.map(({ id }) => id));
  return a.length === b.length && b.every(({ id }) => ids.has(id));
}
