import type { Namespace, NamespaceStore, TokenRecord } from './namespace-store.ts';

/** Keeps namespaces in memory, gone with the process. */
export class MemoryNamespaces implements NamespaceStore {
  readonly #namespaces = new Map<string, Namespace>();

  async create(namespace: Namespace): Promise<boolean> {
    if (this.#namespaces.has(namespace.id)) return false;
    this.#namespaces.set(namespace.id, namespace);
    return true;
  }

  async find(id: string): Promise<Namespace | undefined> {
    return this.#namespaces.get(id);
  }

  async list(): Promise<Namespace[]> {
    return [...this.#namespaces.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async setTokens({ id, log }: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    const namespace = this.#namespaces.get(id);
    if (namespace?.log !== log) return false;
    this.#namespaces.set(id, { ...namespace, tokens });
    return true;
  }

  async remove({ id, log }: Namespace): Promise<boolean> {
    return this.#namespaces.get(id)?.log === log && this.#namespaces.delete(id);
  }
}
