import type { Poke } from '../../message/poke.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { BackupOutcome } from '../backup.ts';
import { requireSupport, type StoreCapabilities } from '../capabilities.ts';
import type { GroupStore } from '../group-store.ts';
import type { ImportSession, Log } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { Namespace, NamespaceStore } from '../namespace-store.ts';
import type { Forgotten } from '../retention.ts';
import type { LogSummary, Store, StoreOpening, StoreUsage } from '../store.ts';
import { MemoryReplacement } from './memory-import.ts';
import { MemoryLogHandle } from './memory-log-handle.ts';
import type { MemoryStorage } from './memory-storage.ts';

/** Keeps everything in memory, lost with the process. */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly opening: StoreOpening = {
    summary: 'Messages are in memory and end with the process; keep them with --store sqlite:pokewire.db',
    warning: undefined,
  };
  readonly capabilities: StoreCapabilities = {
    namespaces: 'many',
    tokens: 'stored',
    appends: true,
    largestAppend: Number.POSITIVE_INFINITY,
    imports: true,
    replacements: true,
    durable: false,
    backups: false,
    verbatim: true,
    byteLimit: true,
    retention: true,
    erasure: true,
    listOrder: 'utf8',
    counts: 'exact',
  };
  readonly namespaces: NamespaceStore;
  readonly groups: GroupStore;
  readonly failed = new Promise<never>(() => {});
  readonly #storage: MemoryStorage;
  readonly #pokes: ObjectPool<Poke>;
  /**
   * Subscriptions of this store to the log's changes, which end when it closes. Other stores may still use the storage.
   */
  readonly #held = new Set<() => void>();

  constructor(storage: MemoryStorage, pokes: ObjectPool<Poke>) {
    this.#storage = storage;
    this.#pokes = pokes;
    const { namespaces, groups } = storage;
    this.groups = {
      sharedBy: groups.sharedBy,
      read: (keys) => groups.read(keys),
      write: (changes) => groups.write(changes),
      list: (prefix, after, limit) => groups.list(prefix, after, limit),
      changesSince: (revision, prefix) => groups.changesSince(revision, prefix),
      follow: (changed) => this.#hold(groups.follow(changed)),
    };
    this.namespaces = {
      create: (namespace) => namespaces.create(namespace),
      find: (id) => namespaces.find(id),
      list: (after, limit) => namespaces.list(after, limit),
      setTokens: (namespace, tokens) => namespaces.setTokens(namespace, tokens),
      setRetention: (namespace, category, limits) => namespaces.setRetention(namespace, category, limits),
      remove: (namespace) => namespaces.remove(namespace),
      changesSince: (revision) => namespaces.changesSince(revision),
      follow: (changed) => this.#hold(namespaces.follow(changed)),
    };
  }

  log(id: LogId): Log {
    return new MemoryLogHandle(this.#storage, this.#pokes, this.#hold, id);
  }

  async beginReplacement(namespace: Namespace): Promise<ImportSession> {
    return new MemoryReplacement(this.#storage, namespace);
  }

  async summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>> {
    const found = new Map<LogId, LogSummary>();
    for (const id of logs) {
      const log = this.#storage.logs.get(id);
      if (log !== undefined) found.set(id, log.summary);
    }
    return found;
  }

  async forget(nowMs: number): Promise<Forgotten> {
    return this.#storage.forget(nowMs);
  }

  async backup(_cancelled: AbortSignal): Promise<BackupOutcome> {
    requireSupport(this, 'backups');
    throw new TypeError('memory is not copied');
  }

  async check(): Promise<void> {}

  async usage(): Promise<StoreUsage> {
    let messages = 0;
    let streams = 0;
    let oldestMs: number | undefined;
    for (const log of this.#storage.logs.values()) {
      messages += log.table.length;
      streams += log.streamCount;
      const first = log.everyRow.at(0);
      if (first !== undefined) oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, log.table.timeMs(first));
    }
    const { bytes, maxBytes, forgotten } = this.#storage.budget;
    return { messages, streams, bytes, maxBytes, forgotten: { ...forgotten }, oldestMs };
  }

  measure(): void {}

  async close(): Promise<void> {
    for (const end of this.#held) end();
  }

  readonly #hold = (end: () => void): (() => void) => {
    const endOnce = () => {
      this.#held.delete(endOnce);
      end();
    };
    this.#held.add(endOnce);
    return endOnce;
  };
}
