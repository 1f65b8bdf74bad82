import type { Message, NewMessage } from '../../message/message.ts';
import { everything, type Selection } from '../../message/selection.ts';
import type { Announced, AppendOutcome, CategorySummary, LogBounds, StreamSummary } from '../log.ts';
import { type LogId, newLogId } from '../log-id.ts';
import type { Account } from '../shared/byte-budget.ts';
import { compareInTurns, judgeIds } from '../shared/known-ids.ts';
import type { LogSummary } from '../store.ts';
import { HashIndex, textHash } from './hash-index.ts';
import { MessageTable } from './message-table.ts';
import { firstNotBefore, type RowList, type Rows } from './row-list.ts';
import { indexIn, RowOrder } from './row-order.ts';
import { type CategoryRows, indexOfPosition, StreamDirectory, type StreamRows } from './stream-directory.ts';

/** One log in memory: the table of its messages and their indexes. All calls are synchronous. */
export class MemoryLog {
  readonly id: LogId = newLogId();
  readonly table = new MessageTable();
  readonly followers = new Set<Announced>();
  /** The log was deleted or replaced. */
  isGone = false;
  /** Account of its namespace. */
  readonly account: Account;
  /** Bytes counted against the limits. */
  bytes = 0;
  /** The part of `bytes` for messages, without streams and categories. */
  messageBytes = 0;
  /** Global positions up to here belonged to an earlier log. */
  behind = 0;
  #head = 0;
  /** Global position of the last message deleted by retention. */
  #forgottenUpTo = 0;
  /** Time of the log's last message, including deleted ones. */
  #lastMs: number | undefined = undefined;
  #importsBelowHead = 0;
  readonly #ids = new HashIndex((row) => this.table.idHash(row));
  readonly #directory = new StreamDirectory();
  readonly #order = new RowOrder(this.table);

  constructor(account: Account) {
    this.account = account;
  }

  /** All rows, in log order. */
  get everyRow(): Rows {
    return this.#order;
  }

  /** The highest global position of any message, including an earlier log that this one replaced; 0 if there was none. */
  get head(): number {
    return this.#head;
  }

  get streamCount(): number {
    return this.#directory.size;
  }

  get bounds(): LogBounds {
    return this.boundsOf(everything);
  }

  /** Bounds with the deleted range of a selection. */
  boundsOf({ all, streams, categories }: Selection): LogBounds {
    let forgottenUpTo = Math.max(this.behind, all ? this.#forgottenUpTo : 0);
    for (const name of streams) {
      forgottenUpTo = Math.max(forgottenUpTo, this.#directory.stream(name)?.forgottenUpTo ?? 0);
    }
    for (const name of categories) {
      forgottenUpTo = Math.max(forgottenUpTo, this.#directory.category(name)?.forgottenUpTo ?? 0);
    }
    return { epoch: this.id, head: this.#head, forgottenUpTo, importsBelowHead: this.#importsBelowHead };
  }

  get summary(): LogSummary {
    const messages = this.table.length;
    return { messages, streams: this.streamCount, lastActivityMs: this.#lastMs };
  }

  stream(name: string): StreamRows | undefined {
    return this.#directory.stream(name);
  }

  category(name: string): CategoryRows | undefined {
    return this.#directory.category(name);
  }

  categoryRows(name: string): Rows {
    return this.#directory.categoryRows(name);
  }

  streamRows(name: string): Rows {
    return this.#directory.streamRows(name);
  }

  streamOfRow(row: number): StreamRows {
    return this.#directory.byNumber(this.table.stream(row));
  }

  /** Position of the stream's last message, including deleted ones; -1 if it never had one. */
  version(name: string): number {
    const stream = this.#directory.stream(name);
    return stream === undefined ? -1 : stream.next - 1;
  }

  /** Index in the stream's rows of the first message at or after a position; the number of rows if there is none. */
  indexOf(stream: StreamRows, position: number): number {
    return indexOfPosition(stream, this.table, position);
  }

  /**
   * Checks an append; returns undefined if it is valid, otherwise the outcome that explains why not. Ids are checked
   * before the version, so that a writer that retries after a lost answer gets the first answer again.
   */
  refusal(
    stream: string,
    messages: readonly NewMessage[],
    expected: number | undefined,
  ): AppendOutcome | Promise<AppendOutcome> | undefined {
    const known = judgeIds(stream, messages, (id) => this.messageOf(id), compareInTurns);
    if (known !== undefined) return known;
    if (expected === undefined) return undefined;
    const actual = this.version(stream);
    return expected === actual ? undefined : { outcome: 'version-conflict', expected, actual };
  }

  /** Returns the stream, added if necessary. */
  openStream(name: string): StreamRows {
    return this.#directory.open(name);
  }

  /** Adds one message that passed {@link refusal}; returns its row. */
  append(stream: StreamRows, message: NewMessage, nowMs: number): number {
    const hash = textHash(message.id);
    // The wall clock may step back, but times within a namespace never decrease.
    const timeMs = Math.max(nowMs, this.#lastMs ?? nowMs);
    const row = this.table.append(message, {
      globalPosition: ++this.#head,
      position: stream.next++,
      timeMs,
      stream: stream.number,
      idHash: hash,
    });
    this.#lastMs = timeMs;
    this.#ids.add(hash, row);
    this.#order.note(row);
    this.#order.push(row);
    stream.rows.push(row);
    stream.category.rows.push(row);
    this.#count(stream.category, this.table.addedBytes);
    return row;
  }

  /**
   * Inserts messages with positions that `newMessagesOf` has checked. After the last message this costs as much as an
   * append; before it, the rest of each list moves.
   */
  insert(messages: readonly Message[]): void {
    const inOrder = messages.toSorted((a, b) => a.globalPosition - b.globalPosition);
    const [first, last] = [inOrder[0], inOrder.at(-1)];
    if (first === undefined || last === undefined) return;
    if (first.globalPosition <= this.#head) {
      this.#importsBelowHead++;
      this.#order.asList();
    }
    if (last.globalPosition >= this.#head) this.#lastMs = last.timeMs;
    const added: number[] = [];
    for (const message of inOrder) {
      const stream = this.#directory.open(message.stream);
      const { globalPosition, position, timeMs, timeNanos } = message;
      const hash = textHash(message.id);
      const row = this.table.append(message, { globalPosition, position, timeMs, stream: stream.number, idHash: hash });
      this.table.setTimeNanos(row, timeNanos);
      this.#ids.add(hash, row);
      this.#order.note(row);
      this.#count(stream.category, this.table.addedBytes);
      stream.next = Math.max(stream.next, position + 1);
      added.push(row);
    }
    const ofLists = new Map<RowList, number[]>();
    for (const row of added) {
      const { rows, category } = this.streamOfRow(row);
      for (const list of [rows, category.rows]) ofLists.getOrInsertComputed(list, () => []).push(row);
    }
    this.#order.insert(added);
    for (const [list, rows] of ofLists) list.insert(rows, this.table);
    this.raiseHead(last.globalPosition);
  }

  /**
   * Removes rows, given in log order. `forgotten`: by retention, so that cursors before them miss something. Returns
   * the bytes they counted.
   */
  remove(rows: readonly number[], forgotten: boolean): number {
    let bytes = 0;
    const indexes = new Map<RowList, number[]>();
    for (const row of rows) {
      const stream = this.streamOfRow(row);
      const { category } = stream;
      const globalPosition = this.table.globalPosition(row);
      for (const list of [stream.rows, category.rows]) {
        const removed = indexes.getOrInsertComputed(list, () => []);
        removed.push(indexIn(list, this.table, row, removed.length));
      }
      if (forgotten) {
        for (const part of [stream, category]) part.forgottenUpTo = Math.max(part.forgottenUpTo, globalPosition);
        this.#forgottenUpTo = Math.max(this.#forgottenUpTo, globalPosition);
      }
      stream.lastMs = this.table.timeMs(row);
      const rowBytes = this.table.bytes(row);
      this.#count(category, -rowBytes);
      bytes += rowBytes;
    }
    this.#order.remove(rows);
    for (const [list, removed] of indexes) list.remove(removed);
    for (const row of rows) {
      this.#ids.remove(this.table.idHash(row), row);
      this.table.remove(row);
    }
    if (this.#order.isList) this.#move(this.table.sparseRows());
    return bytes;
  }

  /** Gives rows new numbers, which frees the chunks and heaps of the old ones. */
  #move(rows: readonly number[]): void {
    for (const row of rows) {
      const { text, place } = this.table.rowOf(row);
      const nanos = this.table.timeNanos(row);
      const { rows: ofStream, category } = this.streamOfRow(row);
      const lists = [ofStream, category.rows, this.#order.asList()];
      const indexes = lists.map((list) => this.indexAt(list, place.globalPosition));
      const moved = this.table.append(text, place);
      this.table.setTimeNanos(moved, nanos);
      for (const [at, list] of lists.entries()) list.set(indexes[at]!, moved);
      this.#ids.replace(place.idHash, row, moved);
      this.table.remove(row);
    }
  }

  #count(category: CategoryRows, bytes: number): void {
    category.bytes += bytes;
    this.messageBytes += bytes;
  }

  /** Skips all global positions up to this one. */
  raiseHead(globalPosition: number): void {
    this.#head = Math.max(this.#head, globalPosition);
  }

  messageOf(id: string): Message | undefined {
    const found = this.#ids.find(textHash(id), (row) => this.table.id(row) === id);
    return found === -1 ? undefined : this.message(found);
  }

  message(row: number): Message {
    return {
      id: this.table.id(row),
      stream: this.streamOfRow(row).name.text,
      type: this.table.type(row),
      position: this.table.position(row),
      globalPosition: this.table.globalPosition(row),
      data: this.table.data(row),
      metadata: this.table.metadata(row),
      timeMs: this.table.timeMs(row),
      timeNanos: this.table.timeNanos(row),
    };
  }

  /** Index of the list's first row at or after a global position; the list's length if there is none. O(log n). */
  indexAt(rows: Rows, globalPosition: number): number {
    return firstNotBefore(rows, this.table, globalPosition);
  }

  /** The first row at or after a global position; undefined if there is none. O(log n). */
  rowAt(globalPosition: number): number | undefined {
    return this.everyRow.at(this.indexAt(this.everyRow, globalPosition));
  }

  describe(name: string): StreamSummary | undefined {
    const stream = this.#directory.stream(name);
    return stream === undefined ? undefined : this.#summary(stream);
  }

  listStreams(prefix: string, after: string | undefined, limit: number): StreamSummary[] {
    return this.#directory.list(prefix, after, limit).map((stream) => this.#summary(stream));
  }

  listCategories(after: string | undefined, limit: number): CategorySummary[] {
    return this.#directory.listCategories(after, limit);
  }

  #summary(stream: StreamRows): StreamSummary {
    const { name, next, rows, lastMs } = stream;
    const { last } = rows;
    const lastActivityMs = last === undefined ? lastMs : this.table.timeMs(last);
    return { stream: name.text, version: next - 1, messageCount: rows.length, lastActivityMs };
  }
}
