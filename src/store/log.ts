import type { ConsumerGroup } from '../message/consumer-group.ts';
import type { Message, NewMessage } from '../message/message.ts';
import type { Poke } from '../message/poke.ts';
import type { Selection } from '../message/selection.ts';
import type { LogId } from './log-id.ts';
import type { Kept, RetentionRule } from './retention.ts';

/**
 * A handle on one log. Creating it costs nothing and holds no resources. `test/contract/` checks every promise below
 * for each store.
 * - Global positions start at 1 and increase strictly, possibly with gaps. Each stream's positions start at 0 and
 *   increase with them, with gaps only where an import left them or messages were erased. No position is assigned
 *   twice, even after its message was forgotten or erased; its id may be used again. Every later read sees what a call
 *   reported as appended or imported.
 * - The head is settled: no message appears later at or below a head that was read, except through an import, which is
 *   not announced there. A store whose transactions can commit out of order holds its head back.
 * - Reads of streams and categories that do not exist return nothing. If the log was deleted, replaced or never
 *   existed, appends and imports report it as their outcome, and all other calls reject with `LOG_GONE`. Calls that the
 *   engine does not support (`capabilities.ts`) reject with `NOT_SUPPORTED`. Faults of the store reject with
 *   `BACKEND_ERROR` and the cause; such an append may have been stored. Calls other than appends and imports that find
 *   the disk full reject with `STORE_FULL`.
 * - Every call must settle. Networked stores apply their own time-outs and reject; a pending read occupies a shared
 *   slot.
 * - A page may hold fewer messages than requested, even none. Its `next` says where to continue; null means the end.
 *   `shared/page-limits.ts` bounds every limit.
 */
export interface Log {
  readonly id: LogId;

  /**
   * Appends all messages to one stream, or none. Checks, in this order: known ids; `expectedVersion` (the position that
   * the stream's last message must have or have had, -1: it never had one; undefined: no check); room. A full log with
   * a retention rule for the whole log deletes its oldest messages instead of refusing.
   */
  append(stream: string, messages: readonly NewMessage[], expectedVersion: number | undefined): Promise<AppendOutcome>;

  /** Starts an import of messages that already have positions. Each batch is visible once it was added. */
  beginImport(): Promise<ImportSession>;

  /** Messages of a stream in order, from a stream position or global position, inclusive. */
  readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage>;

  /** The stream's last message, or its last message of a type. */
  readLast(stream: string, type: string | undefined): Promise<Message | undefined>;

  /** Messages from global position `from` on, inclusive; the filter applies before the limit. */
  read(filter: LogFilter, from: number, limit: number): Promise<MessagePage>;

  /** Pokes of selected messages after the global position `after`, in order, at most `limit`. The caller releases the page after use. */
  pokes(selection: Selection, after: number, limit: number): Promise<PokePage>;

  /** Global position of the last selected message above `after` and at most `upTo`; `after` if there is none. */
  last(selection: Selection, after: number, upTo: number): Promise<number>;

  /** The log's head, and the deleted range of a selection; by default of everything. */
  bounds(selection?: Selection): Promise<LogBounds>;

  /** Position of the last message that the stream has or had; -1 if it never had one. */
  version(stream: string): Promise<number>;

  /** Facts about a stream, or undefined if it never had a message. */
  describeStream(stream: string): Promise<StreamSummary | undefined>;

  /** Streams whose name starts with `prefix` and comes after `after` in the store's order of lists. */
  listStreams(prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]>;

  /** Categories that come after `after` in the store's order of lists. */
  listCategories(after: string | undefined, limit: number): Promise<CategorySummary[]>;

  /**
   * The messages that a retention rule covers, and those that it would delete if it were in force. Examines a bounded
   * number of messages.
   */
  kept(rule: RetentionRule, nowMs: number): Promise<Kept>;

  /**
   * Erases one message of a stream, or all its messages, and resolves to their number once their content is gone from
   * everything the store keeps. Nothing is announced; the positions are not reused, and the head does not change.
   */
  erase(stream: string, position: number | undefined): Promise<number>;

  /**
   * Announces changes of the log until the returned function is called. Announcements are hints: they may be lost,
   * duplicated, late, out of order or empty. A follower checks each one against its own head and must not throw.
   */
  follow(announced: Announced): () => void;
}

/** Receives one announcement. The pokes belong to the follower until it returns. */
export type Announced = (announcement: Announcement) => void;

/** A page of pokes that saves the follower a read, or only a hint to read. */
export type Announcement = PushedPage | 'wake-up';

/** Every message of the log after `after` and up to `upTo` at the time of the announcement. */
export type PushedPage = {
  readonly epoch: LogId;
  readonly after: number;
  readonly upTo: number;
  readonly pokes: readonly Poke[];
};

/** Head and deleted range of a log. */
export type LogBounds = {
  readonly epoch: LogId;
  /**
   * The highest global position of any message, including the log's history before a replacement; 0 if there was none.
   * Settled, and never decreases.
   */
  readonly head: number;
  /**
   * Global position of the last selected message that retention deleted: a cursor below it misses some. Ignores
   * deletions from other categories and streams, and erased messages. 0: none were deleted.
   */
  readonly forgottenUpTo: number;
  /**
   * Increases whenever an import adds a message at or below the head. Such messages are not announced, so caches of the
   * log are stale after a change.
   */
  readonly importsBelowHead: number;
};

/** Outcome of an append, with the positions of its last message. */
export type AppendOutcome =
  | { readonly outcome: 'appended'; readonly position: number; readonly globalPosition: number }
  /** A retry: the same messages are already stored, at these positions. */
  | { readonly outcome: 'known'; readonly position: number; readonly globalPosition: number }
  /** The stream has another version; nothing was written. */
  | { readonly outcome: 'version-conflict'; readonly expected: number; readonly actual: number }
  /** A different message with this id exists, or the append contains the id twice; nothing was written. */
  | { readonly outcome: 'duplicate-id'; readonly id: string }
  /** The log was deleted or replaced; nothing was written. */
  | { readonly outcome: 'gone' }
  | StoreFull;

/** There is no room; nothing was written. If both limits are reached, `namespace` is reported. */
export type StoreFull = {
  readonly outcome: 'full';
  /** Which limit was reached: the store's, the namespace's share, or the disk's. */
  readonly limit: 'store' | 'namespace' | 'disk';
  /** Current size of the store or namespace; undefined if it is unknown. */
  readonly bytes: number | undefined;
  readonly maxBytes: number;
};

/** An import in progress. Calls must not overlap; it ends with `commit` or `abort`. */
export interface ImportSession {
  /**
   * Adds messages in any order, all or none. Ids may be any non-empty text, and gaps in positions are kept. Within a
   * stream, positions must increase with global positions, because readers may follow either. A message that the log or
   * the batch already contains (`isSameMessage`) is skipped, so that an interrupted import can be repeated.
   */
  add(messages: readonly Message[]): Promise<ImportOutcome>;

  /** Ends the import. A replacement becomes visible now, all at once. */
  commit(): Promise<CommitOutcome>;

  /** Cancels the import. Batches added to an existing log stay; a replacement is discarded. Does nothing after the end. */
  abort(): Promise<void>;
}

/** Outcome of a batch. `index` names the invalid message; of two that conflict, the later. */
export type ImportOutcome =
  /** All messages are in the log; `known` of them were there before or appeared earlier in the batch. */
  | { readonly outcome: 'imported'; readonly known: number }
  /** The log or the batch has another message with this id, stream position or global position; nothing was written. */
  | { readonly outcome: 'position-exists'; readonly index: number; readonly field: ImportKey }
  /** In its stream, a message with a lower position has a higher global position, or the reverse; nothing was written. */
  | { readonly outcome: 'out-of-order'; readonly index: number }
  /** The log was deleted or replaced; nothing was written. */
  | { readonly outcome: 'gone' }
  /** Until its commit, a replacement counts against the limits of store and namespace in addition to the log it will replace. */
  | StoreFull;

/** Fields that are unique within a log. */
export type ImportKey = 'id' | 'position' | 'globalPosition';

/** Outcome of a whole import; `gone`: the log was deleted or replaced, including the imported messages. */
export type CommitOutcome = { readonly outcome: 'committed' } | { readonly outcome: 'gone' };

/** Where to start reading a stream, inclusive. */
export type StreamStart = { readonly position: number } | { readonly globalPosition: number };

/** Which messages to read; all conditions must hold. */
export type LogFilter = {
  /** Exact category; undefined: all. */
  readonly category: string | undefined;
  readonly group: ConsumerGroup | undefined;
  /** Keeps messages whose `metadata.correlationStreamName` is a stream of this category. */
  readonly correlation: string | undefined;
};

/** One page of a read. */
export type MessagePage = {
  readonly messages: Message[];
  /** The log it was read from. */
  readonly epoch: LogId;
  /** Where the rest starts, in the same unit as the start of the read; null: no more messages. */
  readonly next: number | null;
};

/** One page of a catch-up read. */
export type PokePage = {
  readonly pokes: readonly Poke[];
  /** The log it was read from. */
  readonly epoch: LogId;
  /** Every selected message up to this global position is in this page or an earlier one. Never below `after`. */
  readonly upTo: number;
  /** Whether this was the end of the log when the page was read. */
  readonly atEnd: boolean;
  /**
   * As in {@link LogBounds} for the selection when the page was read. If it exceeds `after`, selected messages are
   * missing from the page.
   */
  readonly forgottenUpTo: number;
  /** As in {@link LogBounds} when the page was read. */
  readonly importsBelowHead: number;
  /** Returns the pokes to their pool; the page is empty afterwards. */
  release(): void;
};

/** A stream in a list. */
export type StreamSummary = {
  readonly stream: string;
  /** Position of the stream's last message, including deleted ones. */
  readonly version: number;
  readonly messageCount: number;
  /** Time of the stream's last message, including deleted ones, in milliseconds since 1970-01-01. */
  readonly lastActivityMs: number;
};

/** A category in a list. */
export type CategorySummary = {
  readonly category: string;
  readonly streamCount: number;
  readonly messageCount: number;
};
