import type { Metrics } from '../telemetry/metrics.ts';
import type { BackupOutcome } from './backup.ts';
import type { StoreCapabilities } from './capabilities.ts';
import type { GroupStore } from './group-store.ts';
import type { ImportSession, Log } from './log.ts';
import type { LogId } from './log-id.ts';
import type { Namespace, NamespaceStore } from './namespace-store.ts';
import type { Forgotten, RetentionLimits } from './retention.ts';
import type { TicketStore } from './ticket-store.ts';

/** Engines by the scheme of their URL. */
export type StoreKind = 'memory' | 'sqlite' | 'postgres' | 'nats';

/** One opened engine: logs with their messages, and the namespaces they belong to. Checked by `test/contract/`. */
export interface Store {
  readonly kind: StoreKind;
  readonly opening: StoreOpening;
  readonly capabilities: StoreCapabilities;
  readonly namespaces: NamespaceStore;
  /** Where tickets wait that every node takes; undefined: each node has its own. */
  readonly tickets?: TicketStore | undefined;
  /** Where records of consumer groups live; undefined: it has no place for them. */
  readonly groups?: GroupStore | undefined;
  /** Resolves with the fault when the engine can do nothing any more, until the process is started again. Never rejects. */
  readonly failed: Promise<Error>;

  /** A handle on a log. Its calls reject with `LOG_GONE` if there is no such log. */
  log(id: LogId): Log;

  /**
   * Begins an import that replaces the namespace's whole log atomically at its commit: a new log, with an epoch
   * of its own, behind every position that the old one ever gave. Of two concurrent ones, the last to commit wins.
   */
  beginReplacement(namespace: Namespace): Promise<ImportSession>;

  /**
   * Copies everything as it is at one moment, while appends and reads go on; one copy at a time. The copy can be opened as a
   * store, whose logs then have new epochs: cursors of what was appended behind it must not be believed. `cancelled` ends the
   * copying, which rejects then.
   */
  backup(cancelled: AbortSignal): Promise<BackupOutcome>;

  /** Counts of these logs, for all of them at once; a log that is gone has none. */
  summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>>;

  /**
   * Forgets one slice of what rules no longer keep: of one namespace, the next in turn that has any. A slice takes some
   * milliseconds at most. Of several nodes each may call it.
   */
  forget(nowMs: number): Promise<Forgotten>;

  /** Resolves when the store can read and write; rejects with the fault otherwise. */
  check(): Promise<void>;

  /** Sizes for metrics, read at every scrape: they must be cheap and may be estimates. */
  usage(): Promise<StoreUsage>;

  /** Adds what the engine measures of itself to the metrics, once, right after it was opened. */
  measure(metrics: Metrics): void;

  /** Releases everything it holds. No call may follow. */
  close(): Promise<void>;
}

/** What a store found when it was opened, in sentences for people; never with a password. */
export type StoreOpening = {
  /** Where the messages are, what that means, and what there is. */
  readonly summary: string;
  /** What somebody who did not expect it should know; undefined: nothing. */
  readonly warning: string | undefined;
};

/** What a store may hold, for engines with limits of their own. */
export type StoreLimits = {
  /** Bytes of all namespaces. 0: no limit. */
  readonly maxBytes: number;
  /** Of these, the bytes of one namespace. 0: all. */
  readonly maxBytesPerNamespace: number;
  readonly maxNamespaces: number;
  /** Of namespaces without a rule for their whole log. Absent: everything is kept. */
  readonly retention?: RetentionLimits;
};

/** What is known of a log. */
export type LogSummary = {
  readonly messages: number;
  readonly streams: number;
  /** Time of the last message that it has or had, milliseconds since 1970; undefined: it never had one. */
  readonly lastActivityMs: number | undefined;
};

/** What a store holds, over all logs. */
export type StoreUsage = {
  readonly messages: number;
  readonly streams: number;
  /** As the store counts them against its limit. */
  readonly bytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  /** What was forgotten since the store was opened. */
  readonly forgotten: { readonly messages: number; readonly bytes: number };
  /** Time of the oldest message, or about that; milliseconds since 1970. Undefined: there is none. */
  readonly oldestMs: number | undefined;
};
