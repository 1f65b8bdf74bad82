import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { sameJson } from '../message/json-text.ts';
import type { Message, NewMessage } from '../message/message.ts';
import type { Selection } from '../message/selection.ts';
import { StreamName } from '../message/stream-name.ts';
import { IdIndex, idHash } from './id-index.ts';
import type { AppendOutcome, CategorySummary, StreamSummary } from './message-store.ts';
import { MessageTable } from './message-table.ts';
import { EveryRow, firstNotBefore, RowMerge, type Rows, type RowWalk } from './row-merge.ts';

/** A stream of one log. */
export type StreamRows = {
  readonly name: StreamName;
  /** Its number in the log, in order of first message. */
  readonly number: number;
  readonly category: CategoryRows;
  /** Its rows in order of position; at index n the message with position n, unless there are gaps. */
  readonly rows: number[];
  /** Positions before its last one that no message has: only an import leaves any. */
  gaps: number;
};

// CommonJS compiled from TypeScript: Node and Vitest disagree on what its default import is, but not on `require`.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof import('sorted-btree');

type CategoryRows = { streamCount: number; readonly rows: number[] };

const noRows: Rows = [];

/** One namespace in memory: the table of its messages and the indexes that find them. All calls are synchronous. */
export class MemoryLog {
  readonly table = new MessageTable();
  readonly epoch = randomUUID();
  /** What its messages count against the store's limit. */
  bytes = 0;
  /** Global positions up to this one were those of an earlier log. */
  forgottenUpTo = 0;
  #head = 0;
  readonly #ids = new IdIndex((row) => this.table.idHash(row));
  readonly #streams = new Map<string, StreamRows>();
  readonly #streamsByNumber: StreamRows[] = [];
  readonly #streamNames = new BTree<string, StreamRows>(undefined, compareUtf8);
  readonly #categories = new BTree<string, CategoryRows>(undefined, compareUtf8);

  /** The highest global position that a message has, or had in the log that this one replaced; 0 when there was none. */
  get head(): number {
    return this.#head;
  }

  get streamCount(): number {
    return this.#streamsByNumber.length;
  }

  stream(name: string): StreamRows | undefined {
    return this.#streams.get(name);
  }

  streamOfRow(row: number): StreamRows {
    return this.#streamsByNumber[this.table.stream(row)]!;
  }

  categoryRows(category: string): Rows {
    return this.#categories.get(category)?.rows ?? noRows;
  }

  /** Version of a stream: position of its last message, -1 when it has none. */
  version(name: string): number {
    const stream = this.#streams.get(name);
    return stream === undefined ? -1 : versionOf(stream);
  }

  /** Index in the stream's rows of the first message at or behind a position; their number when there is none. */
  indexOf({ rows, gaps }: StreamRows, position: number): number {
    if (gaps === 0) return Math.min(Math.max(0, position), rows.length);
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.table.position(rows[middle]!) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Whether these messages can be appended: undefined when they can, else the outcome that tells why not. Ids come
   * before the version, so that a writer that repeats an append whose answer it lost is told the first answer.
   */
  refusal(stream: string, messages: readonly NewMessage[], expected: number | undefined): AppendOutcome | undefined {
    const duplicate = this.#knownIds(stream, messages);
    if (duplicate !== undefined) return duplicate;
    const actual = this.version(stream);
    if (expected !== undefined && expected !== actual) return { outcome: 'version-conflict', expected, actual };
    return undefined;
  }

  /** Adds one message that {@link refusal} let pass; returns its row. */
  append(streamName: string, message: NewMessage, nowMs: number): number {
    const stream = this.#streams.get(streamName) ?? this.#addStream(streamName);
    const last = this.table.length - 1;
    const hash = idHash(message.id);
    const row = this.table.append(message, {
      globalPosition: ++this.#head,
      position: stream.rows.length + stream.gaps,
      // The wall clock may step back, times within a namespace do not.
      timeMs: last < 0 ? nowMs : Math.max(nowMs, this.table.timeMs(last)),
      stream: stream.number,
      idHash: hash,
    });
    this.#ids.add(hash, row);
    stream.rows.push(row);
    stream.category.rows.push(row);
    return row;
  }

  /**
   * Adds messages with their positions, which `importRefusal` let pass. Those behind the last message cost what an append
   * costs; when one stands before it, every row behind that one gets another number: O(messages of the log).
   */
  insert(messages: readonly Message[]): void {
    const tail = this.table.length;
    const touched = new Set<StreamRows>();
    const inOrder = messages.toSorted((a, b) => a.globalPosition - b.globalPosition);
    for (const message of inOrder) {
      const stream = this.#streams.get(message.stream) ?? this.#addStream(message.stream);
      const { globalPosition, position, timeMs, timeNanos } = message;
      const hash = idHash(message.id);
      const row = this.table.append(message, { globalPosition, position, timeMs, stream: stream.number, idHash: hash });
      this.table.setTimeNanos(row, timeNanos);
      this.#ids.add(hash, row);
      stream.rows.push(row);
      stream.category.rows.push(row);
      touched.add(stream);
    }
    const [first] = inOrder;
    if (first !== undefined && first.globalPosition <= this.#head) this.#moveTail(first.globalPosition, tail);
    for (const stream of touched) {
      stream.gaps = this.table.position(stream.rows.at(-1)!) + 1 - stream.rows.length;
    }
    this.raiseHead(inOrder.at(-1)?.globalPosition ?? 0);
  }

  /** Gives no global position up to this one from now on. */
  raiseHead(globalPosition: number): void {
    this.#head = Math.max(this.#head, globalPosition);
  }

  /** The row with this id, -1 when there is none. */
  rowOfId(id: string): number {
    return this.#ids.find(idHash(id), (row) => this.table.id(row) === id);
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

  /** The first row at or behind a global position; the table's length when there is none. O(log n). */
  rowAt(globalPosition: number): number {
    return this.#firstRow(globalPosition, this.table.length);
  }

  #firstRow(globalPosition: number, end: number): number {
    let low = 0;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.table.globalPosition(middle) < globalPosition) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Walks the rows that the selectors name, from global position `after` on, exclusive. The group is not applied. */
  walk(selection: Selection, after: number): RowWalk {
    const fromRow = this.rowAt(after + 1);
    if (selection.all) return new EveryRow(fromRow, this.table.length);
    const positionRow = selection.fromPosition === 0 ? 0 : this.#rowAtPosition(selection);
    return new RowMerge(this.rowsOf(selection), Math.max(fromRow, positionRow));
  }

  /** The rows of each stream and category that is selected. The group is not applied. */
  rowsOf({ streams, categories }: Selection): Rows[] {
    const ofStreams = streams.map((name) => this.#streams.get(name)?.rows ?? noRows);
    return [...ofStreams, ...categories.map((category) => this.categoryRows(category))];
  }

  /** Where a start by stream position is; it comes with a single stream only, whose rows are in position order. */
  #rowAtPosition({ streams: [name = ''], fromPosition }: Selection): number {
    const stream = this.#streams.get(name);
    const row = stream?.rows[this.indexOf(stream, fromPosition)];
    return row ?? this.table.length;
  }

  describe(name: string): StreamSummary | undefined {
    const stream = this.#streams.get(name);
    return stream === undefined ? undefined : this.#summary(stream);
  }

  listStreams(prefix: string, after: string | undefined, limit: number): StreamSummary[] {
    const found: StreamSummary[] = [];
    const from = after === undefined || compareUtf8(after, prefix) < 0 ? prefix : after;
    for (const [name, stream] of this.#streamNames.entries(from)) {
      if (found.length === limit || !name.startsWith(prefix)) break;
      if (name !== after) found.push(this.#summary(stream));
    }
    return found;
  }

  listCategories(after: string | undefined, limit: number): CategorySummary[] {
    const found: CategorySummary[] = [];
    for (const [category, { streamCount, rows }] of this.#categories.entries(after ?? '')) {
      if (found.length === limit) break;
      if (category !== after) found.push({ category, streamCount, messageCount: rows.length });
    }
    return found;
  }

  #summary(stream: StreamRows): StreamSummary {
    return {
      stream: stream.name.text,
      version: versionOf(stream),
      messageCount: stream.rows.length,
      lastActivityMs: this.table.timeMs(stream.rows.at(-1)!),
    };
  }

  #addStream(text: string): StreamRows {
    const name = new StreamName(text);
    const category = this.#categories.get(name.category) ?? this.#addCategory(name.category);
    const stream: StreamRows = { name, number: this.#streamsByNumber.length, category, rows: [], gaps: 0 };
    category.streamCount++;
    this.#streams.set(text, stream);
    this.#streamsByNumber.push(stream);
    this.#streamNames.set(text, stream);
    return stream;
  }

  #addCategory(category: string): CategoryRows {
    const rows: CategoryRows = { streamCount: 0, rows: [] };
    this.#categories.set(category, rows);
    return rows;
  }

  /** Puts the rows from `tail` on, the first of which has this global position, in their places among those before. */
  #moveTail(globalPosition: number, tail: number): void {
    const from = this.#firstRow(globalPosition, tail);
    if (from === tail) return;
    const newRows = this.table.mergeTail(from, tail);
    this.#ids.renumber(from, newRows);
    for (const { rows } of this.#streamsByNumber) renumber(rows, from, newRows);
    for (const [, { rows }] of this.#categories.entries()) renumber(rows, from, newRows);
  }

  #knownIds(stream: string, messages: readonly NewMessage[]): AppendOutcome | undefined {
    const seen = new Set<string>();
    let knownRow = -1;
    let knownCount = 0;
    for (const message of messages) {
      if (!message.given) continue;
      if (seen.has(message.id)) return { outcome: 'duplicate-id', id: message.id };
      seen.add(message.id);
      const row = this.rowOfId(message.id);
      if (row === -1) continue;
      const follows = knownCount === 0 || this.table.position(row) === this.table.position(knownRow) + 1;
      if (!follows || !this.#isSame(row, stream, message)) return { outcome: 'duplicate-id', id: message.id };
      knownRow = row;
      knownCount++;
    }
    if (knownCount === 0) return undefined;
    // A part of an append cannot have been stored, so this is another append that borrows ids.
    if (knownCount < messages.length) return { outcome: 'duplicate-id', id: this.table.id(knownRow) };
    const position = this.table.position(knownRow);
    return { outcome: 'known', position, globalPosition: this.table.globalPosition(knownRow) };
  }

  #isSame(row: number, stream: string, message: NewMessage): boolean {
    return (
      this.streamOfRow(row).name.text === stream &&
      this.table.type(row) === message.type &&
      sameJson(this.table.data(row), message.data) &&
      sameJson(this.table.metadata(row), message.metadata)
    );
  }
}

function versionOf({ rows, gaps }: StreamRows): number {
  return rows.length + gaps - 1;
}

/** As `IdIndex.renumber`, for a list that is in order of the old numbers and is to be in order of the new ones. */
function renumber(rows: number[], from: number, newRows: Uint32Array): void {
  let isInOrder = true;
  for (let index = firstNotBefore(rows, from); index < rows.length; index++) {
    rows[index] = newRows[rows[index]! - from]!;
    isInOrder &&= index === 0 || rows[index - 1]! < rows[index]!;
  }
  if (!isInOrder) rows.sort((a, b) => a - b);
}

/** Order of the UTF-8 bytes: that of the UTF-16 units, but surrogates stand for code points above all other units. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
