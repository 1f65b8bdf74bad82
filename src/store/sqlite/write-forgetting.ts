import type { DatabaseSync } from 'node:sqlite';
import type { LogId } from '../log-id.ts';
import type { RetentionRule } from '../retention.ts';
import type { ByteBudget } from '../shared/byte-budget.ts';
import { type Amount, OldestFirst, type SliceBounds } from '../shared/retention-rules.ts';
import { bytesOfRow } from './message-bytes.ts';
import { Query } from './rows.ts';
import type { CategoryState, LogState, StreamState } from './state-rows.ts';
import type { WriteState } from './write-state.ts';

/** Maximum number of messages erased in one slice. Appends of the same group wait for it. */
const sliceMessages = 256;

/**
 * Bounds of one slice of retention. Appends of the same group wait for it. Limited by time, since a message read from
 * disk takes many times as long as one in the cache.
 */
export const forgettingSlice: SliceBounds = { maxMessages: 1_000, pieceMessages: 32, maxMs: 3 };

/** How many messages a full store deletes at a time until there is room. */
const forgottenAtOnce = 64;

type Row = readonly [global: number, stream: number, position: number, timeMs: number, bytes: number];

const none: Amount = { messages: 0, bytes: 0 };

/** Result of one slice of an erasure. `upTo`: last stream position to erase. */
export type ErasedSlice = { readonly messages: number; readonly upTo: number; readonly isLast: boolean };

/** Deletes and erases messages within the transaction of their group, and updates every count. */
export class ForgettingWriter {
  readonly #state: WriteState;
  readonly #budget: ByteBudget;
  readonly #ofLog;
  readonly #ofCategory;
  readonly #ofStream;
  readonly #deleteOfLog;
  readonly #deleteOfCategory;
  readonly #deleteOfStream;

  constructor(database: DatabaseSync, state: WriteState, budget: ByteBudget) {
    this.#state = state;
    this.#budget = budget;
    const rows = `SELECT global, stream, position, time_ms, ${bytesOfRow} FROM messages`;
    this.#ofLog = new Query<Row>(database, `${rows} WHERE log = ? ORDER BY global LIMIT ?`);
    this.#ofCategory = new Query<Row>(database, `${rows} WHERE category = ? ORDER BY global LIMIT ?`);
    this.#ofStream = new Query<Row>(
      database,
      `${rows} WHERE stream = ? AND position >= ? AND position <= ? ORDER BY position LIMIT ?`,
    );
    this.#deleteOfLog = new Query(database, 'DELETE FROM messages WHERE log = ? AND global <= ?');
    this.#deleteOfCategory = new Query(database, 'DELETE FROM messages WHERE category = ? AND global <= ?');
    this.#deleteOfStream = new Query(database, 'DELETE FROM messages WHERE stream = ? AND position BETWEEN ? AND ?');
  }

  /** Deletes the oldest messages that the rule no longer keeps, up to a maximum. */
  forget(log: LogState, { category: name, limits }: RetentionRule, most: number, nowMs: number): Amount {
    const category = name === undefined ? undefined : this.#state.category(log, name);
    if (name !== undefined && category === undefined) return none;
    const amount = category ?? { messages: log.messages, bytes: log.messageBytes };
    if (amount.messages === 0) return none;
    const oldest = () => new OldestFirst(limits, amount, nowMs);
    // Fast path without a read, since most rules usually have nothing to delete.
    if (!oldest().takes(this.#oldestMs(log, category), 0)) return none;
    const judge = oldest();
    const rows = this.#oldest(log, category, most);
    const kept = rows.findIndex(([, , , timeMs, bytes]) => !judge.takes(timeMs, bytes));
    return this.#forget(log, category, kept === -1 ? rows : rows.slice(0, kept));
  }

  /** Deletes some of the oldest messages, regardless of rules. */
  forgetOldest(log: LogState): void {
    this.#forget(log, undefined, this.#oldest(log, undefined, forgottenAtOnce));
  }

  /** Erases messages of a stream from a position on, up to `upTo` or, if undefined, its current version. */
  eraseSlice(id: LogId, name: string, from: number, upTo: number | undefined): ErasedSlice | 'gone' {
    const log = this.#state.log(id);
    if (log === undefined) return 'gone';
    const stream = this.#state.stream(log, name);
    const end = upTo ?? stream?.version ?? -1;
    const rows = stream === undefined ? [] : this.#ofStream.all(stream.number, from, end, sliceMessages);
    const last = rows.at(-1);
    if (stream !== undefined && last !== undefined) {
      this.#deleteOfStream.run(stream.number, from, last[2]);
      this.#budget.give(log, this.#count(log, rows, false).bytes);
    }
    return { messages: rows.length, upTo: end, isLast: rows.length < sliceMessages };
  }

  #oldest(log: LogState, category: CategoryState | undefined, most: number): Row[] {
    return category === undefined ? this.#ofLog.all(log.number, most) : this.#ofCategory.all(category.number, most);
  }

  #oldestMs(log: LogState, category: CategoryState | undefined): number {
    const part = category ?? log;
    part.oldestMs ??= this.#oldest(log, category, 1)[0]![3];
    return part.oldestMs;
  }

  #forget(log: LogState, category: CategoryState | undefined, rows: readonly Row[]): Amount {
    const last = rows.at(-1);
    if (last === undefined) return none;
    const [upTo] = last;
    if (category === undefined) this.#deleteOfLog.run(log.number, upTo);
    else this.#deleteOfCategory.run(category.number, upTo);
    log.forgottenUpTo = Math.max(log.forgottenUpTo, upTo);
    const gone = this.#count(log, rows, true);
    this.#budget.forget(log, gone.messages, gone.bytes);
    return gone;
  }

  /** Subtracts rows from every count. `isForgotten`: deleted by retention, so the deleted range moves. */
  #count(log: LogState, rows: readonly Row[], isForgotten: boolean): Amount {
    let sum = 0;
    log.oldestMs = undefined;
    // Cached, because neighbours often share a stream and each look-up is a query.
    const streams = new Map<number, StreamState>();
    for (const [global, number, , , bytes] of rows) {
      const stream = streams.getOrInsertComputed(number, () => this.#state.streamOf(log, number));
      const { category } = stream;
      stream.messages--;
      category.messages--;
      category.bytes -= bytes;
      category.oldestMs = undefined;
      if (isForgotten) {
        stream.forgottenUpTo = Math.max(stream.forgottenUpTo, global);
        category.forgottenUpTo = Math.max(category.forgottenUpTo, global);
      }
      sum += bytes;
    }
    log.messages -= rows.length;
    log.messageBytes -= sum;
    this.#state.changed(log);
    return { messages: rows.length, bytes: sum };
  }
}
