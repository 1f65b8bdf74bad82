import type { Message, NewMessage } from '../../message/message.ts';
import type { Selection } from '../../message/selection.ts';
import type { Announced, AppendOutcome, CategorySummary, LogBounds, StreamSummary } from '../log.ts';
import { type LogId, newLogId } from '../log-id.ts';
import type { Account } from '../shared/byte-budget.ts';
import type { ImportTarget } from '../shared/import-batch.ts';
import { compareInTurns, judgeIds } from '../shared/known-ids.ts';
import type { LogSummary } from '../store.ts';
import { IdIndex, idHash } from './id-index.ts';
import { MessageTable } from './message-table.ts';
import { firstNotBefore, RowList, type Rows } from './row-list.ts';
import { ListWalk, RowMerge, type RowWalk } from './row-merge.ts';
import { StreamDirectory, type StreamRows } from './stream-directory.ts';

/** One log in memory: the table of its messages and the indexes that find them. All calls are synchronous. */
export class MemoryLog implements ImportTarget {
  readonly id: LogId = newLogId();
  readonly table = new MessageTable();
  readonly followers = new Set<Announced>();
  /** It was deleted or replaced. */
  isGone = false;
  /** Of the namespace that it is counted to. */
  readonly account: Account;
  /** What its messages count against the limits. */
  bytes = 0;
  /** Global positions up to this one were those of an earlier log. */
  forgottenUpTo = 0;
  #head = 0;
  #importsBelowHead = 0;
  readonly #ids = new IdIndex((row) => this.table.idHash(row));
  readonly #directory = new StreamDirectory();
  /** Every row; undefined while they came in this order, as they do until an import has older messages. */
  #order: RowList | undefined = undefined;
  /** Every row as a list. */
  readonly everyRow: Rows = everyRowOf(this.table, () => this.#order);

  constructor(account: Account) {
    this.account = account;
  }

  /** The highest global position that a message has, or had in the log that this one replaced; 0 when there was none. */
  get head(): number {
    return this.#head;
  }

  get streamCount(): number {
    return this.#directory.size;
  }

  get bounds(): LogBounds {
    const { id, forgottenUpTo } = this;
    return { epoch: id, head: this.#head, forgottenUpTo, importsBelowHead: this.#importsBelowHead };
  }

  get summary(): LogSummary {
    const messages = this.table.length;
    const lastActivityMs = messages === 0 ? undefined : this.#lastTimeMs;
    return { messages, streams: this.streamCount, lastActivityMs };
  }

  stream(name: string): StreamRows | undefined {
    return this.#directory.stream(name);
  }

  hasCategory(category: string): boolean {
    return this.#directory.categoryRows(category).length > 0;
  }

  streamRows(name: string): Rows {
    return this.#directory.streamRows(name);
  }

  streamOfRow(row: number): StreamRows {
    return this.#directory.byNumber(this.table.stream(row));
  }

  /** Version of a stream: position of its last message, -1 when it has none. */
  version(name: string): number {
    const stream = this.#directory.stream(name);
    return stream === undefined ? -1 : versionOf(stream);
  }

  /** Index in the stream's rows of the first message at or behind a position; their number when there is none. */
  indexOf({ rows, gaps }: StreamRows, position: number): number {
    if (gaps === 0) return Math.min(Math.max(0, position), rows.length);
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.table.position(rows.at(middle)!) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Whether these messages can be appended: undefined when they can, else the outcome that tells why not. Ids come
   * before the version, so that a writer that repeats an append whose answer it lost is told the first answer.
   */
  refusal(
    stream: string,
    messages: readonly NewMessage[],
    expected: number | undefined,
  ): AppendOutcome | Promise<AppendOutcome> | undefined {
    const known = judgeIds(stream, messages, (id) => this.messageOf(id), compareInTurns);
    if (known !== undefined) return known;
    const actual = this.version(stream);
    if (expected !== undefined && expected !== actual) return { outcome: 'version-conflict', expected, actual };
    return undefined;
  }

  /** Adds one message that {@link refusal} let pass; returns its row. */
  append(streamName: string, message: NewMessage, nowMs: number): number {
    const stream = this.#directory.open(streamName);
    const isFirst = this.table.length === 0;
    const hash = idHash(message.id);
    const row = this.table.append(message, {
      globalPosition: ++this.#head,
      position: stream.rows.length + stream.gaps,
      // The wall clock may step back, times within a namespace do not.
      timeMs: isFirst ? nowMs : Math.max(nowMs, this.#lastTimeMs),
      stream: stream.number,
      idHash: hash,
    });
    this.#ids.add(hash, row);
    this.#order?.push(row);
    stream.rows.push(row);
    stream.category.rows.push(row);
    return row;
  }

  /**
   * Adds messages with their positions, which `newMessagesOf` let pass. Those behind the last message cost what an append
   * costs; for one that stands before it, the part of the lists behind it moves as well.
   */
  insert(messages: readonly Message[]): void {
    const inOrder = messages.toSorted((a, b) => a.globalPosition - b.globalPosition);
    const firstRow = this.table.length;
    for (const message of inOrder) {
      const stream = this.#directory.open(message.stream);
      const { globalPosition, position, timeMs, timeNanos } = message;
      const hash = idHash(message.id);
      const row = this.table.append(message, { globalPosition, position, timeMs, stream: stream.number, idHash: hash });
      this.table.setTimeNanos(row, timeNanos);
      this.#ids.add(hash, row);
    }
    const [first] = inOrder;
    if (first !== undefined && first.globalPosition <= this.#head) {
      this.#importsBelowHead++;
      this.#order ??= RowList.counting(firstRow);
    }
    this.#list(firstRow);
    this.raiseHead(inOrder.at(-1)?.globalPosition ?? 0);
  }

  /** Puts the rows from `firstRow` on, which are in order among themselves, into the lists that they belong to. */
  #list(firstRow: number): void {
    const added: number[] = [];
    const ofLists = new Map<RowList, number[]>();
    const streams = new Set<StreamRows>();
    for (let row = firstRow; row < this.table.length; row++) {
      const stream = this.streamOfRow(row);
      streams.add(stream);
      added.push(row);
      for (const list of [stream.rows, stream.category.rows]) ofLists.getOrInsertComputed(list, () => []).push(row);
    }
    this.#order?.insert(added, this.table);
    for (const [list, rows] of ofLists) list.insert(rows, this.table);
    for (const stream of streams) {
      stream.gaps = this.table.position(stream.rows.last!) + 1 - stream.rows.length;
    }
  }

  /** Gives no global position up to this one from now on. */
  raiseHead(globalPosition: number): void {
    this.#head = Math.max(this.#head, globalPosition);
  }

  messageOf(id: string): Message | undefined {
    const found = this.#ids.find(idHash(id), (row) => this.table.id(row) === id);
    return found === -1 ? undefined : this.message(found);
  }

  hasGlobalPosition(globalPosition: number): boolean {
    if (globalPosition > this.#head) return false;
    const row = this.rowAt(globalPosition);
    return row !== undefined && this.table.globalPosition(row) === globalPosition;
  }

  hasPosition(streamName: string, position: number): boolean {
    const stream = this.#directory.stream(streamName);
    const row = stream?.rows.at(this.indexOf(stream, position));
    return row !== undefined && this.table.position(row) === position;
  }

  neighbours(streamName: string, globalPosition: number): readonly [number | undefined, number | undefined] {
    const rows = this.streamRows(streamName);
    const index = globalPosition > this.#head ? rows.length : this.indexAt(rows, globalPosition);
    const positionAt = (at: number) => {
      const row = at < 0 ? undefined : rows.at(at);
      return row === undefined ? undefined : this.table.position(row);
    };
    return [positionAt(index - 1), positionAt(index)];
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

  /** Index in the list of its first row at or behind a global position; its length when there is none. O(log n). */
  indexAt(rows: Rows, globalPosition: number): number {
    return firstNotBefore(rows, this.table, globalPosition);
  }

  /** The first row at or behind a global position; undefined when there is none. O(log n). */
  rowAt(globalPosition: number): number | undefined {
    return this.everyRow.at(this.indexAt(this.everyRow, globalPosition));
  }

  /** Walks the rows that the selectors name, from global position `after` on, exclusive. The group is not applied. */
  walk(selection: Selection, after: number): RowWalk {
    if (selection.all) return new ListWalk(this.everyRow, this.table, after + 1);
    const from = selection.fromPosition === 0 ? 0 : this.#startOf(selection);
    return new RowMerge(this.rowsOf(selection), this.table, Math.max(after + 1, from));
  }

  /** The rows of each stream and category that is selected. The group is not applied. */
  rowsOf({ streams, categories }: Selection): Rows[] {
    const ofStreams = streams.map((name) => this.#directory.streamRows(name));
    return [...ofStreams, ...categories.map((category) => this.#directory.categoryRows(category))];
  }

  /** Global position of a start by stream position; it comes with a single stream only, whose rows are in position order. */
  #startOf({ streams: [name = ''], fromPosition }: Selection): number {
    const stream = this.#directory.stream(name);
    const row = stream?.rows.at(this.indexOf(stream, fromPosition));
    return row === undefined ? Number.POSITIVE_INFINITY : this.table.globalPosition(row);
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
    return {
      stream: stream.name.text,
      version: versionOf(stream),
      messageCount: stream.rows.length,
      lastActivityMs: this.table.timeMs(stream.rows.last!),
    };
  }

  get #lastTimeMs(): number {
    const rows = this.everyRow;
    return this.table.timeMs(rows.at(rows.length - 1)!);
  }
}

function versionOf({ rows, gaps }: StreamRows): number {
  return rows.length + gaps - 1;
}

/** The list stays the same when an order comes to be needed: who pauses within it goes on in that. */
function everyRowOf(table: MessageTable, order: () => RowList | undefined): Rows {
  return {
    get length() {
      return table.length;
    },
    at(index) {
      const list = order();
      if (list !== undefined) return list.at(index);
      return index < table.length ? index : undefined;
    },
  };
}
