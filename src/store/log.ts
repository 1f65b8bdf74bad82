import type { ConsumerGroup } from '../message/consumer-group.ts';
import type { Message, NewMessage } from '../message/message.ts';
import type { Poke } from '../message/poke.ts';
import type { Selection } from '../message/selection.ts';
import type { LogId } from './log-id.ts';
import type { Kept, RetentionRule } from './retention.ts';

/**
 * A handle on one log. It costs nothing to get and holds nothing. Every promise here is checked by `test/contract/` for
 * each store.
 *
 * - Global positions start at 1 and rise strictly, possibly with gaps; each stream's positions start at 0 and rise with
 *   them, with gaps only where an import left them or messages were erased. A position that was given is never given again,
 *   whether its message was forgotten or erased; its id is free again. What a call returned as appended or imported is seen by every later read.
 * - The head is settled: no message appears later at or below a head that was read, except by an import, which is not
 *   announced there. A store whose transactions may commit out of order holds its head back.
 * - Reads of streams and categories that do not exist return nothing. A log that was deleted or replaced, or never was, is
 *   gone: appends and imports say so by their outcomes, everything else rejects with `LOG_GONE`. What the store cannot do at
 *   all (`capabilities.ts`) rejects with `NOT_SUPPORTED`. Faults of the store reject with `BACKEND_ERROR` and the cause; an append that
 *   ended so may have been stored. What else than an append or an import has no room on the disk rejects with `STORE_FULL`.
 * - Every call must settle. Networked stores apply their own time-outs and reject; a pending read occupies a shared slot.
 * - A page may hold fewer messages than asked for, also none. Its `next` tells where to go on; null means the end. Limits
 *   are bounded by `shared/page-limits.ts`: a greater one counts as the bound.
 */
export interface Log {
  readonly id: LogId;

  /**
   * Appends all messages to one stream, or none. Checked in this order: known ids, `expectedVersion` (position the
   * stream's last message must have or have had, -1: it never had one; undefined: not checked), room. Where there is none, a log
   * with a rule for all of it forgets its oldest messages instead.
   */
  append(stream: string, messages: readonly NewMessage[], expectedVersion: number | undefined): Promise<AppendOutcome>;

  /** Begins to import messages that have their positions already; each batch is there once it was added. */
  beginImport(): Promise<ImportSession>;

  /** Messages of a stream in order, from a stream position or from a global position, both inclusive. */
  readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage>;

  /** The stream's last message, or its last one of a type. */
  readLast(stream: string, type: string | undefined): Promise<Message | undefined>;

  /** Messages by global position from `from` on (inclusive), filtered first and limited then. */
  read(filter: LogFilter, from: number, limit: number): Promise<MessagePage>;

  /**
   * Pokes of the selected messages behind the global position `after`, in order, at most `limit` of them. The caller
   * releases the page once it has read it.
   */
  pokes(selection: Selection, after: number, limit: number): Promise<PokePage>;

  /** Global position of the last selected message above `after` and at most `upTo`; `after` if there is none. */
  last(selection: Selection, after: number, upTo: number): Promise<number>;

  /** From where to where the log goes, and what is gone of a selection; by default of everything. */
  bounds(selection?: Selection): Promise<LogBounds>;

  /** Position of the last message that the stream has or had; -1 if it never had one. */
  version(stream: string): Promise<number>;

  /** What is known of a stream, undefined when it never had a message. */
  describeStream(stream: string): Promise<StreamSummary | undefined>;

  /** Streams whose name begins with `prefix`, behind `after` in the order of the store's lists. */
  listStreams(prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]>;

  /** Categories behind `after` in the order of the store's lists. */
  listCategories(after: string | undefined, limit: number): Promise<CategorySummary[]>;

  /** What a rule is about and what it would take, were it in force. Looks at a bounded number of messages. */
  kept(rule: RetentionRule, nowMs: number): Promise<Kept>;

  /**
   * Erases the message at a position of a stream, or all messages that it has, and resolves to how many they were once
   * nothing that the store keeps has their content. Nobody is told; positions stay used and the head stays.
   */
  erase(stream: string, position: number | undefined): Promise<number>;

  /**
   * Announces what happens to the log from now on, until the returned function is called. Announcements are hints: they may
   * be lost, doubled, late, out of order or empty. A follower checks each one against its own head and must not throw.
   */
  follow(announced: Announced): () => void;
}

/** Takes one announcement. The pokes are the follower's until it returns. */
export type Announced = (announcement: Announcement) => void;

/** A page that saves the follower a read, or only the hint that it should read. */
export type Announcement = PushedPage | 'wake-up';

/** Every message of the log behind `after` and up to `upTo`, as it was when this was announced. */
export type PushedPage = {
  readonly epoch: LogId;
  readonly after: number;
  readonly upTo: number;
  readonly pokes: readonly Poke[];
};

/** From where to where a log goes. */
export type LogBounds = {
  readonly epoch: LogId;
  /**
   * The highest global position that a message has or, before a replacement, had; 0 when there was none. Settled, and it
   * never goes back.
   */
  readonly head: number;
  /**
   * Selected messages up to this global position were forgotten, the last of them at it: a cursor below it misses some. It
   * counts neither what is gone of other categories and streams nor what was erased. 0: none are gone.
   */
  readonly forgottenUpTo: number;
  /**
   * Rises whenever an import puts a message at or below the head. Such messages are not announced, so a
   * cache of the log is stale once this has changed.
   */
  readonly importsBelowHead: number;
};

/** Outcome of an append. `position` and `globalPosition` are those of the last message. */
export type AppendOutcome =
  | { readonly outcome: 'appended'; readonly position: number; readonly globalPosition: number }
  /** A retry: the same messages are there already, at these positions. */
  | { readonly outcome: 'known'; readonly position: number; readonly globalPosition: number }
  /** The stream is at another version; nothing was written. */
  | { readonly outcome: 'version-conflict'; readonly expected: number; readonly actual: number }
  /** A different message with this id exists, or the append contains the id twice; nothing was written. */
  | { readonly outcome: 'duplicate-id'; readonly id: string }
  /** The log was deleted or replaced; nothing was written. */
  | { readonly outcome: 'gone' }
  | StoreFull;

/** There is no room for it; nothing was written. Where both limits are reached, `namespace` is told. */
export type StoreFull = {
  readonly outcome: 'full';
  /** Whose limit is reached: the store's, the share of the namespace, or the room on the disk. */
  readonly limit: 'store' | 'namespace' | 'disk';
  /** What the store, or the namespace, holds; undefined: the store does not see the room that it lacks. */
  readonly bytes: number | undefined;
  readonly maxBytes: number;
};

/** An import under way. Its calls are made one after another, and it ends by `commit` or `abort`. */
export interface ImportSession {
  /**
   * Adds messages in any order, all or none. Their ids may be any text that is not empty, gaps in positions stay. In each
   * stream positions must rise with global positions, because readers of a stream may follow either. A message that the
   * log or the batch has already, the same by `isSameMessage`, is passed over, so an import that broke off can be repeated.
   */
  add(messages: readonly Message[]): Promise<ImportOutcome>;

  /** Ends the import. Of a replacement nothing is seen before, and everything at once then. */
  commit(): Promise<CommitOutcome>;

  /** Ends it without a replacement; batches that are in the log stay. Does nothing once it has ended. */
  abort(): Promise<void>;
}

/** Outcome of a batch. `index` is that of the invalid message; of two conflicting ones, the later. */
export type ImportOutcome =
  /** All messages are in the log; `known` of them were there before, or stood in the batch before. */
  | { readonly outcome: 'imported'; readonly known: number }
  /** The log or the batch has another message with this id, stream position or global position; nothing was written. */
  | { readonly outcome: 'position-exists'; readonly index: number; readonly field: ImportKey }
  /** Its stream has a message at a lower position and a higher global position, or the reverse; nothing was written. */
  | { readonly outcome: 'out-of-order'; readonly index: number }
  /** The log was deleted or replaced; nothing was written. */
  | { readonly outcome: 'gone' }
  /** A replacement counts beside the log that it is to replace until its commit, against the store's limit and the namespace's. */
  | StoreFull;

/** What is unique in a log. */
export type ImportKey = 'id' | 'position' | 'globalPosition';

/** Outcome of a whole import; `gone`: the log was deleted or replaced, along with the imported messages. */
export type CommitOutcome = { readonly outcome: 'committed' } | { readonly outcome: 'gone' };

/** Where a stream read begins, inclusive. */
export type StreamStart = { readonly position: number } | { readonly globalPosition: number };

/** Which messages of the log are read; conditions add up. */
export type LogFilter = {
  /** Exact category; undefined: all. */
  readonly category: string | undefined;
  readonly group: ConsumerGroup | undefined;
  /** Keeps messages whose `metadata.correlationStreamName` is a stream of this category. */
  readonly correlation: string | undefined;
};

/** Part of a read. */
export type MessagePage = {
  readonly messages: Message[];
  /** The log it was read from. */
  readonly epoch: LogId;
  /** Where the rest begins, in the terms the read began with; null: there was no more. */
  readonly next: number | null;
};

/** Part of a catch-up. */
export type PokePage = {
  readonly pokes: readonly Poke[];
  /** The log it was read from. */
  readonly epoch: LogId;
  /** Every selected message up to this global position is in this page or an earlier one. Never below `after`. */
  readonly upTo: number;
  /** Whether that is the end of the log as it was when the page was read. */
  readonly atEnd: boolean;
  /** As in {@link LogBounds} for the selection, when the page was read. If it exceeds `after`, the page lacks selected messages. */
  readonly forgottenUpTo: number;
  /** As in {@link LogBounds}, when the page was read. */
  readonly importsBelowHead: number;
  /** Gives the pokes back; the page is empty afterwards. */
  release(): void;
};

/** A stream in a list. */
export type StreamSummary = {
  readonly stream: string;
  /** Position of the last message that it has or had. */
  readonly version: number;
  readonly messageCount: number;
  /** Time of the last message that it has or had, milliseconds since 1970. */
  readonly lastActivityMs: number;
};

/** A category in a list. */
export type CategorySummary = {
  readonly category: string;
  readonly streamCount: number;
  readonly messageCount: number;
};
