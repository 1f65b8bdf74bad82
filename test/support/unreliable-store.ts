import { randomInt } from 'node:crypto';
import { onTestFailed } from 'vitest';
import type { BackupOutcome } from '../../src/store/backup.ts';
import type { StoreCapabilities } from '../../src/store/capabilities.ts';
import type { Announced, ImportSession, Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import type { Namespace, NamespaceStore } from '../../src/store/namespace-store.ts';
import type { Forgotten } from '../../src/store/retention.ts';
import type { LogSummary, Store, StoreKind, StoreOpening, StoreUsage } from '../../src/store/store.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { Random } from './random.ts';
import { AnnouncementCounts, type AnnouncementFaults, UnreliableFollowing } from './unreliable-announcements.ts';
import { type CallFaults, type FaultClock, realClock, UnreliableCalls } from './unreliable-calls.ts';

/** Kinds and probabilities of faults, with seed and clock. */
export type UnreliableSettings = AnnouncementFaults &
  CallFaults & {
    /**
     * The same seed and calls produce the same faults. Without a seed, the store must be created within a test, and its
     * seed is printed if the test fails.
     */
    readonly seed: number;
    readonly clock: FaultClock;
  };

const defaults: Omit<UnreliableSettings, 'seed'> = {
  lost: 0.3,
  doubled: 0.2,
  wakeUps: 0.1,
  empty: 0.1,
  cut: 0.2,
  delayed: 0.5,
  maxDelayMs: 500,
  reordered: 0.1,
  slowReadMs: 10,
  failedReads: 0.02,
  losesAnswers: 0,
  outageEveryMs: 10_000,
  outageMs: 2_000,
  hangMs: 1_000,
  clock: realClock,
};

/** No faults; a base for those that a test wants. */
export const noFaults: Partial<UnreliableSettings> = {
  lost: 0,
  doubled: 0,
  wakeUps: 0,
  empty: 0,
  cut: 0,
  delayed: 0,
  reordered: 0,
  slowReadMs: 0,
  failedReads: 0,
  outageEveryMs: 0,
};

/**
 * Any store behind an unreliable network, with every fault that `src/store/` permits: announcements are lost,
 * duplicated, late, out of order, empty and truncated; reads are slow and fail; at times every call fails. By default,
 * appends never fail after they were stored. {@link UnreliableStore.mend} ends all faults.
 */
export class UnreliableStore implements Store {
  readonly kind: StoreKind;
  readonly opening: StoreOpening;
  readonly capabilities: StoreCapabilities;
  readonly namespaces: NamespaceStore;
  readonly failed: Promise<Error>;
  readonly calls: UnreliableCalls;
  readonly announcements = new AnnouncementCounts();
  readonly #store: Store;
  readonly #settings: UnreliableSettings;
  readonly #random: Random;
  readonly #followings = new Set<UnreliableFollowing>();

  constructor(store: Store, settings: Partial<UnreliableSettings> = {}) {
    const seed = settings.seed ?? randomInt(2 ** 31);
    if (settings.seed === undefined) onTestFailed(() => console.error(`The unreliable store had the seed ${seed}.`));
    this.#store = store;
    this.#settings = { ...defaults, ...settings, seed };
    this.#random = new Random(seed);
    this.kind = store.kind;
    this.failed = store.failed;
    this.opening = store.opening;
    this.capabilities = store.capabilities;
    this.calls = new UnreliableCalls(this.#settings, this.#settings.clock, seed);
    this.namespaces = this.#unreliableNamespaces(store.namespaces);
  }

  /** Ends every fault; late announcements are made, pending calls are answered. */
  mend(): void {
    this.calls.mend();
    for (const following of this.#followings) following.mend();
  }

  log(id: LogId): Log {
    const log = this.#store.log(id);
    const { calls } = this;
    return {
      id,
      append: (stream, messages, expected) => calls.append(() => log.append(stream, messages, expected)),
      beginImport: () => calls.call(async () => this.#session(await log.beginImport())),
      readStream: (stream, from, limit) => calls.read(() => log.readStream(stream, from, limit)),
      readLast: (stream, type) => calls.read(() => log.readLast(stream, type)),
      read: (filter, from, limit) => calls.read(() => log.read(filter, from, limit)),
      pokes: (selection, after, limit) =>
        calls.read(
          () => log.pokes(selection, after, limit),
          (page) => page.release(),
        ),
      last: (selection, after, upTo) => calls.read(() => log.last(selection, after, upTo)),
      bounds: (selection) => calls.read(() => log.bounds(selection)),
      version: (stream) => calls.read(() => log.version(stream)),
      describeStream: (stream) => calls.call(() => log.describeStream(stream)),
      listStreams: (prefix, after, limit) => calls.call(() => log.listStreams(prefix, after, limit)),
      listCategories: (after, limit) => calls.call(() => log.listCategories(after, limit)),
      kept: (rule, nowMs) => calls.call(() => log.kept(rule, nowMs)),
      erase: (stream, position) => calls.call(() => log.erase(stream, position)),
      follow: (announced) => this.#follow(announced, (hear) => log.follow(hear)),
    };
  }

  beginReplacement(namespace: Namespace): Promise<ImportSession> {
    return this.calls.call(async () => this.#session(await this.#store.beginReplacement(namespace)));
  }

  summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>> {
    return this.calls.call(() => this.#store.summarize(logs));
  }

  forget(nowMs: number): Promise<Forgotten> {
    return this.calls.call(() => this.#store.forget(nowMs));
  }

  backup(cancelled: AbortSignal): Promise<BackupOutcome> {
    return this.#store.backup(cancelled);
  }

  check(): Promise<void> {
    return this.calls.call(() => this.#store.check());
  }

  usage(): Promise<StoreUsage> {
    return this.calls.call(() => this.#store.usage());
  }

  measure(metrics: Metrics): void {
    this.#store.measure(metrics);
  }

  async close(): Promise<void> {
    for (const following of this.#followings) following.stop();
    this.calls.close();
    await this.#store.close();
  }

  #session(session: ImportSession): ImportSession {
    const { calls } = this;
    return {
      add: (messages) => calls.call(() => session.add(messages)),
      commit: () => calls.call(() => session.commit()),
      abort: () => calls.call(() => session.abort()),
    };
  }

  #unreliableNamespaces(namespaces: NamespaceStore): NamespaceStore {
    const { calls } = this;
    return {
      create: (namespace) => calls.call(() => namespaces.create(namespace)),
      find: (id) => calls.call(() => namespaces.find(id)),
      list: (after, limit) => calls.call(() => namespaces.list(after, limit)),
      setTokens: (namespace, tokens) => calls.call(() => namespaces.setTokens(namespace, tokens)),
      setRetention: (namespace, category, limits) =>
        calls.call(() => namespaces.setRetention(namespace, category, limits)),
      remove: (namespace) => calls.call(() => namespaces.remove(namespace)),
      changesSince: (revision) => calls.call(() => namespaces.changesSince(revision)),
      follow: (changed) => this.#follow(changed, (hear) => namespaces.follow(() => hear('wake-up'))),
    };
  }

  #follow(announced: Announced, follow: (hear: Announced) => () => void): () => void {
    const following = new UnreliableFollowing(announced, {
      faults: this.#settings,
      counts: this.announcements,
      clock: this.#settings.clock,
      random: this.#random,
      isOut: () => this.calls.isOut,
    });
    if (this.calls.isMended) following.mend();
    this.#followings.add(following);
    const stop = follow(following.hear);
    return () => {
      stop();
      following.stop();
      this.#followings.delete(following);
    };
  }
}
