import { setImmediate as nextTurn } from 'node:timers/promises';
import { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { ObjectPool } from '../../src/pool/object-pool.ts';
import type { BackupOutcome } from '../../src/store/backup.ts';
import type { StoreCapabilities } from '../../src/store/capabilities.ts';
import type { Announced, Announcement, ImportSession, Log, LogBounds, PokePage } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Namespace, NamespaceStore } from '../../src/store/namespace-store.ts';
import type { Forgotten } from '../../src/store/retention.ts';
import type { LogSummary, Store, StoreKind, StoreLimits, StoreOpening, StoreUsage } from '../../src/store/store.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { createNamespace } from './create-namespace.ts';

export type FakeStoreOptions =
  | { readonly store: Store }
  | (Partial<StoreLimits> & {
      readonly pokes: ObjectPool<Poke>;
      /** The storage of another node; by default its own. */
      readonly storage?: MemoryStorage;
    });

type Held = { readonly announced: Announced; readonly announcement: Announcement };

/** A store, by default in memory, behind a simulated network: announcements and reads can be delayed, lost, cut or made to fail. */
export class FakeStore implements Store {
  readonly kind: StoreKind;
  readonly opening: StoreOpening;
  readonly capabilities: StoreCapabilities;
  readonly namespaces: NamespaceStore;
  readonly failed: Promise<Error>;
  /** Maximum number of pokes in a page. */
  pagePokes = Number.POSITIVE_INFINITY;
  /** Turns of the event loop between a read of the log and its answer, which is then outdated. */
  readTurns = 0;
  /** Error of reads of pokes, bounds and versions. */
  failure: Error | undefined = undefined;
  /** Messages up to here were deleted by retention: pages of pokes lack them and report that. */
  forgottenUpTo = 0;
  /** Number of reads of pokes. */
  reads = 0;
  /** Number of reads of bounds. */
  boundsReads = 0;
  /** Number of pending reads. */
  readsUnderWay = 0;
  /** Number of followers of all logs. */
  followers = 0;
  /** Whether it announces only hints, as stores do for other nodes' appends. */
  announcesHints = false;
  readonly #store: Store;
  #holding = false;
  readonly #held: Held[] = [];
  #gate: PromiseWithResolvers<void> | undefined = undefined;
  #holdsAll = false;

  constructor(options: FakeStoreOptions) {
    const store = 'store' in options ? options.store : memoryStore(options);
    this.#store = store;
    this.kind = store.kind;
    this.opening = store.opening;
    this.capabilities = store.capabilities;
    this.namespaces = store.namespaces;
    this.failed = store.failed;
  }

  log(id: LogId): Log {
    const log = this.#store.log(id);
    return new Proxy(log, {
      get: (target, name) => {
        if (name === 'pokes') return (...args: Parameters<Log['pokes']>) => this.#pokes(target, ...args);
        if (name === 'bounds') return (selection?: Selection) => this.#bounds(target, selection);
        if (name === 'version') return (stream: string) => this.#answer(() => target.version(stream));
        if (name === 'last') return (...args: Parameters<Log['last']>) => this.#last(target, ...args);
        if (name === 'follow') return (announced: Announced) => this.#follow(target, announced);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  beginReplacement(namespace: Namespace): Promise<ImportSession> {
    return this.#store.beginReplacement(namespace);
  }

  summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>> {
    return this.#store.summarize(logs);
  }

  forget(nowMs: number): Promise<Forgotten> {
    return this.#store.forget(nowMs);
  }

  backup(cancelled: AbortSignal): Promise<BackupOutcome> {
    return this.#store.backup(cancelled);
  }

  check(): Promise<void> {
    return this.#store.check();
  }

  usage(): Promise<StoreUsage> {
    return this.#store.usage();
  }

  measure(metrics: Metrics): void {
    this.#store.measure(metrics);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Returns the namespace, created if necessary. */
  async namespace(id: string): Promise<Namespace> {
    const found = await this.namespaces.find(id);
    if (found !== undefined) return found;
    const spec = { id, uid: `uid of ${id}`, description: '', createdAtMs: 0, tokens: [] };
    return createNamespace(this.namespaces, spec);
  }

  /** Number of announcements held back. */
  get unannounced(): number {
    return this.#held.length;
  }

  /** Whether an announcement is held back that continues the log after this global position. */
  holdsAnnouncement(log: LogId, globalPosition: number): boolean {
    return this.#held.some(
      ({ announcement }) =>
        announcement !== 'wake-up' &&
        announcement.epoch === log &&
        announcement.after <= globalPosition &&
        announcement.upTo > globalPosition,
    );
  }

  /** From now on announcements wait for {@link FakeStore.announce}. */
  holdAnnouncements(): void {
    this.#holding = true;
  }

  /** Makes up to this many of the held announcements. */
  announce(count = Number.POSITIVE_INFINITY): void {
    for (; count > 0 && this.#held.length > 0; count--) make(this.#held.shift()!);
  }

  /** Makes the last held announcement before the others. */
  announceLast(): void {
    const held = this.#held.pop();
    if (held !== undefined) make(held);
  }

  /** Makes the next announcement, and keeps it to be repeated. */
  announceTwice(): void {
    const [held] = this.#held;
    if (held !== undefined) make({ ...held, announcement: copyOf(held.announcement) });
  }

  /** Drops up to this many of the held announcements. */
  lose(count = Number.POSITIVE_INFINITY): void {
    this.#held.splice(0, count);
  }

  /** Makes the held announcements, and new ones at once. */
  resumeAnnouncements(): void {
    this.#holding = false;
    this.announce();
  }

  /** From now on answers to reads wait for {@link FakeStore.answerReads}, and are outdated by then. */
  holdReads(): void {
    this.holdPages();
    this.#holdsAll = true;
  }

  /** The same for pages of pokes only: new subscriptions start, but receive nothing. */
  holdPages(): void {
    this.#gate ??= Promise.withResolvers();
  }

  /** Answers pending reads, and new ones at once. */
  answerReads(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
    this.#holdsAll = false;
  }

  #follow(log: Log, announced: Announced): () => void {
    this.followers++;
    const unfollow = log.follow((page) => {
      const announcement = this.announcesHints ? 'wake-up' : page;
      if (this.#holding) this.#held.push({ announced, announcement: copyOf(announcement) });
      else announced(announcement);
    });
    return () => {
      this.followers--;
      unfollow();
    };
  }

  async #pokes(log: Log, selection: Selection, after: number, limit: number): Promise<PokePage> {
    this.reads++;
    let page: PokePage | undefined;
    try {
      const read = async () => {
        page = await log.pokes(selection, after, Math.min(limit, this.pagePokes));
        if (this.forgottenUpTo === 0) return page;
        const pokes = page.pokes.filter(({ globalPosition }) => globalPosition > this.forgottenUpTo);
        return { ...page, pokes, release: page.release.bind(page), forgottenUpTo: this.forgottenUpTo };
      };
      return await this.#answer(read, true);
    } catch (error) {
      page?.release();
      throw error;
    }
  }

  #bounds(log: Log, selection?: Selection): Promise<LogBounds> {
    this.boundsReads++;
    return this.#answer(async () => {
      const bounds = await log.bounds(selection);
      return { ...bounds, forgottenUpTo: Math.max(bounds.forgottenUpTo, this.forgottenUpTo) };
    });
  }

  #last(log: Log, selection: Selection, after: number, upTo: number): Promise<number> {
    return this.#answer(async () => {
      const last = await log.last(selection, after, upTo);
      return last > this.forgottenUpTo ? last : after;
    });
  }

  async #answer<T>(read: () => Promise<T>, isPage = false): Promise<T> {
    this.readsUnderWay++;
    try {
      const answer = await read();
      for (let turn = 0; turn < this.readTurns; turn++) await nextTurn();
      if (isPage || this.#holdsAll) await this.#gate?.promise;
      if (this.failure !== undefined) throw this.failure;
      return answer;
    } finally {
      this.readsUnderWay--;
    }
  }
}

function memoryStore({ pokes, storage, ...limits }: Exclude<FakeStoreOptions, { store: Store }>): Store {
  return new MemoryStore(storage ?? new MemoryStorage(limits), pokes);
}

function make({ announced, announcement }: Held): void {
  announced(announcement);
  if (announcement === 'wake-up') return;
  // A follower that kept a poke, against the contract, now has garbage.
  for (const poke of announcement.pokes) poke.set(new StreamName('kept-poke'), -1, -1, 0);
}

function copyOf(announcement: Announcement): Announcement {
  if (announcement === 'wake-up') return announcement;
  const pokes = announcement.pokes.map(({ stream, position, globalPosition, appendedAtMs }) =>
    new Poke().set(stream, position, globalPosition, appendedAtMs),
  );
  return { ...announcement, pokes };
}
