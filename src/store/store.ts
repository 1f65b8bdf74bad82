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
  /** Tickets shared by all nodes; undefined: each node has its own. */
  readonly tickets?: TicketStore | undefined;
  /** Records of consumer groups; undefined: not supported. */
  readonly groups?: GroupStore | undefined;
  /** Resolves with the fault if the engine can do nothing more until the process restarts. Never rejects. */
  readonly failed: Promise<Error>;

  /** A handle on a log. Its calls reject with `LOG_GONE` if there is no such log. */
  log(id: LogId): Log;

  /**
   * Starts an import that atomically replaces the namespace's whole log at its commit: a new log with its own epoch,
   * after every position of the old one. Of two concurrent ones, the last to commit wins.
   */
  beginReplacement(namespace: Namespace): Promise<ImportSession>;

  /**
   * Copies the store as of one moment while appends and reads continue; one copy at a time. The copy can be opened as a
   * store. Its logs then get new epochs, because cursors beyond the copy must not be accepted. `cancelled` aborts the
   * copy, which then rejects.
   */
  backup(cancelled: AbortSignal): Promise<BackupOutcome>;

  /** Counts of several logs in one call. Logs that are gone are left out. */
  summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>>;

  /**
   * Runs one slice of retention, for the next namespace that has anything to delete. Takes a few milliseconds at most.
   * Any number of nodes may call it.
   */
  forget(nowMs: number): Promise<Forgotten>;

  /** Resolves if the store can read and write; rejects with the fault otherwise. */
  check(): Promise<void>;

  /** Sizes for metrics. Read on every scrape, so they must be cheap and may be estimates. */
  usage(): Promise<StoreUsage>;

  /** Registers the engine's own metrics; called once, right after opening. */
  measure(metrics: Metrics): void;

  /** Releases all resources. No call may follow. */
  close(): Promise<void>;
}

/** The result of opening a store, in sentences for people; never contains a password. */
export type StoreOpening = {
  /** Where the messages are stored, the consequences, and their number. */
  readonly summary: string;
  /** Something that may be unexpected; undefined: nothing. */
  readonly warning: string | undefined;
};

/** Size limits, for engines that support them. */
export type StoreLimits = {
  /** Bytes of all namespaces together. 0: no limit. */
  readonly maxBytes: number;
  /** Bytes of one namespace. 0: no limit per namespace. */
  readonly maxBytesPerNamespace: number;
  readonly maxNamespaces: number;
  /** Limits for namespaces without a rule for their whole log. Absent: everything is kept. */
  readonly retention?: RetentionLimits;
};

/** Counts of a log. */
export type LogSummary = {
  readonly messages: number;
  readonly streams: number;
  /** Time of the last message, including deleted ones, in milliseconds since 1970-01-01; undefined if there never was one. */
  readonly lastActivityMs: number | undefined;
};

/** Size of a store, over all logs. */
export type StoreUsage = {
  readonly messages: number;
  readonly streams: number;
  /** Bytes as counted against the limit. */
  readonly bytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  /** Total deleted by retention since the store was opened. */
  readonly forgotten: { readonly messages: number; readonly bytes: number };
  /** Approximate time of the oldest message in milliseconds since 1970-01-01; undefined if there is none. */
  readonly oldestMs: number | undefined;
};
