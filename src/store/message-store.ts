import type { ConsumerGroup } from '../message/consumer-group.ts';
import type { Message, NewMessage } from '../message/message.ts';
import type { Poke } from '../message/poke.ts';
import type { Selection } from '../message/selection.ts';

/**
 * Where messages live, and the only source of pokes. Every promise here is checked by `test/contract/` for each store.
 *
 * - Each namespace is a log of its own: global positions from 1, strictly rising, perhaps with gaps; each stream's
 *   positions from 0, rising with them, with gaps only where an import left them. What a call returned as appended or
 *   imported is seen by every later read.
 * - Reads of what does not exist return nothing; only faults of the store reject, with `BACKEND_ERROR` and the cause.
 * - Every call is answered: a store on a network gives up by itself what takes too long, and rejects. What waits holds its
 *   place, and with it what others wait for.
 * - A page may hold fewer messages than asked for. Its `next` tells where to go on; null means that the end was reached.
 */
export interface MessageStore {
  /**
   * Appends all messages to one stream, or none. Checked in this order: known ids, `expectedVersion` (position the
   * stream's last message must have, -1: no message; undefined: not checked), room.
   */
  append(
    namespace: string,
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome>;

  /**
   * Begins to import messages that have their positions already. With `replace` they take the place of the whole log,
   * in one step at the commit; else each batch is there once it was added. What is appended afterwards goes behind every
   * position that was imported or, also before a replacement, ever given.
   */
  beginImport(namespace: string, options: { readonly replace: boolean }): Promise<ImportSession>;

  /** Messages of a stream in order, from a stream position or from a global position, both inclusive. */
  readStream(namespace: string, stream: string, from: StreamStart, limit: number): Promise<MessagePage>;

  /** The stream's last message, or its last one of a type. */
  readLast(namespace: string, stream: string, type: string | undefined): Promise<Message | undefined>;

  /** Messages by global position from `from` on (inclusive), filtered first and limited then. */
  readLog(namespace: string, filter: LogFilter, from: number, limit: number): Promise<MessagePage>;

  /**
   * Pokes of the selected messages behind the global position `after`, in order, at most `limit` of them. The caller
   * releases the page once it has read it.
   */
  readPokes(namespace: string, selection: Selection, after: number, limit: number): Promise<PokePage>;

  /** Counts of one namespace. */
  describeLog(namespace: string): Promise<LogSummary>;

  /**
   * Makes a namespace that has no message yet begin behind the global position `after`, as if the messages up to there had
   * been forgotten. Without this call a namespace begins at 1.
   */
  begin(namespace: string, after: number): Promise<void>;

  /**
   * Forgets a namespace's messages. What is appended to it afterwards is refused. Dropped once more it has no messages, and
   * still the head that it had.
   */
  drop(namespace: string): Promise<DroppedLog>;

  /** The position of the stream's last message, -1 when there is none. */
  version(namespace: string, stream: string): Promise<number>;

  /** Which log it is, and from where to where it goes. */
  extent(namespace: string): Promise<LogExtent>;

  /** The last selected message behind the global position `after`. */
  lastOf(namespace: string, selection: Selection, after: number): Promise<LastMessage>;

  /** What is known of a stream, undefined when it has no message. */
  describeStream(namespace: string, stream: string): Promise<StreamSummary | undefined>;

  /** Streams whose name begins with `prefix` and stands behind `after` in UTF-8 byte order, in that order. */
  listStreams(namespace: string, prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]>;

  /** Categories behind `after` in UTF-8 byte order, in that order. */
  listCategories(namespace: string, after: string | undefined, limit: number): Promise<CategorySummary[]>;

  /**
   * Announces every message appended from now on, by this or another node, once and per namespace in global order,
   * after it can be read; an imported one only when it stands behind the head. The poke is the watcher's until it
   * returns. `replaced` is called when an import has put another log in place of a namespace's: behind everything that is
   * announced of the old one, before anything of the new one. All this may come late, and reads be ahead of it; but a store
   * that loses its connection makes up for what it missed. A store has one watcher; it must not throw.
   */
  watch(announced: Announced, replaced?: Replaced): void;

  /** Resolves when the store can read and write; rejects with the fault otherwise. */
  check(): Promise<void>;

  /** Sizes for metrics. */
  usage(): Promise<StoreUsage>;

  /** Gives everything back. No call may follow. */
  close(): Promise<void>;
}

/** Called for each appended message. */
export type Announced = (namespace: string, poke: Poke) => void;

/** Called for each log that was replaced; `epoch` is that of the new one. */
export type Replaced = (namespace: string, epoch: string) => void;

/** The last message of a selection. */
export type LastMessage = {
  /** The log it was looked for in: see {@link LogExtent}. */
  readonly epoch: string;
  /** Behind which it was looked for, when there is none. */
  readonly globalPosition: number;
};

/** Which log a namespace has, and from where to where it goes. */
export type LogExtent = {
  /**
   * Names the log, in letters, digits, hyphens and underscores, at most 64. Another one for every log, also for one that an
   * import put in place of another; with a store that forgets at its end also after each start. Global positions mean
   * something within one epoch only.
   */
  readonly epoch: string;
  /**
   * The highest global position that a message of the namespace has or, before a replacement, had; 0 when there was none.
   * It never goes back, so that a cursor stays good.
   */
  readonly head: number;
  /** Messages up to this global position may be gone: a cursor below it cannot be told everything behind it. 0: none are. */
  readonly forgottenUpTo: number;
};

/** What was dropped. */
export type DroppedLog = { readonly messages: number; readonly head: number };

/** What became of an append. `position` and `globalPosition` are those of the last message. */
export type AppendOutcome =
  | { readonly outcome: 'appended'; readonly position: number; readonly globalPosition: number }
  /** A retry: the same messages are there already, at these positions. */
  | { readonly outcome: 'known'; readonly position: number; readonly globalPosition: number }
  /** The stream is at another version; nothing was written. */
  | { readonly outcome: 'version-conflict'; readonly expected: number; readonly actual: number }
  /** A message with this id exists and differs, or the id stands twice in the append; nothing was written. */
  | { readonly outcome: 'duplicate-id'; readonly id: string }
  /** The namespace was dropped; nothing was written. */
  | { readonly outcome: 'dropped' }
  /** The messages would go past the store's byte limit; nothing was written. */
  | { readonly outcome: 'full'; readonly bytes: number; readonly maxBytes: number };

/** An import under way. Its calls are made one after another, and it ends by `commit` or `abort`. */
export interface ImportSession {
  /**
   * Adds messages in any order, all or none. Their ids may be any text that is not empty, gaps in positions stay. In each
   * stream positions must rise with global positions, since who follows a stream by one follows it by the other.
   */
  add(messages: readonly Message[]): Promise<ImportOutcome>;

  /** Ends the import. Of a replacement nothing is seen before, and everything at once then. */
  commit(): Promise<CommitOutcome>;

  /** Ends it without a replacement; batches that are in the log stay. Does nothing once it has ended. */
  abort(): Promise<void>;
}

/** What became of a batch. `index` is that of the message at fault; of two that exclude each other the later one. */
export type ImportOutcome =
  | { readonly outcome: 'imported' }
  /** The log or the batch has another message with this id, stream position or global position; nothing was written. */
  | { readonly outcome: 'position-exists'; readonly index: number; readonly field: ImportKey }
  /** Its stream has a message at a lower position and a higher global position, or the reverse; nothing was written. */
  | { readonly outcome: 'out-of-order'; readonly index: number }
  /** The namespace was dropped; nothing was written. */
  | { readonly outcome: 'dropped' }
  /**
   * The messages would go past the store's byte limit, which a replacement shares with the log it is to replace; nothing
   * was written.
   */
  | { readonly outcome: 'full'; readonly bytes: number; readonly maxBytes: number };

/** What is unique in a log. */
export type ImportKey = 'id' | 'position' | 'globalPosition';

/** What became of an import as a whole; `dropped`: the namespace was dropped, and with it what was imported. */
export type CommitOutcome = { readonly outcome: 'committed' } | { readonly outcome: 'dropped' };

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
  /** Where the rest begins, in the terms the read began with; null: there was no more. */
  readonly next: number | null;
};

/** Part of a catch-up. */
export type PokePage = {
  readonly pokes: readonly Poke[];
  /** The log it was read from: see {@link LogExtent}. */
  readonly epoch: string;
  /** Every selected message up to this global position is in this page or an earlier one. Never below `after`. */
  readonly upTo: number;
  /** Whether that is the end of the log as it was when the page was read. */
  readonly atEnd: boolean;
  /** Gives the pokes back; the page is empty afterwards. */
  release(): void;
};

/** A stream in a list. */
export type StreamSummary = {
  readonly stream: string;
  /** Position of its last message. */
  readonly version: number;
  readonly messageCount: number;
  /** Time of its last message, milliseconds since 1970. */
  readonly lastActivityMs: number;
};

/** What is known of a namespace's log. */
export type LogSummary = {
  readonly messages: number;
  readonly streams: number;
  /** Time of its last message, milliseconds since 1970; undefined: there is none. */
  readonly lastActivityMs: number | undefined;
};

/** A category in a list. */
export type CategorySummary = {
  readonly category: string;
  readonly streamCount: number;
  readonly messageCount: number;
};

/** What a store holds, over all namespaces. */
export type StoreUsage = {
  readonly messages: number;
  readonly streams: number;
  /** As the store counts them against its limit. */
  readonly bytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
};
