import { createRequire } from 'node:module';
import { sameJson } from '../message/json-text.ts';
import type { Message, NewMessage } from '../message/message.ts';
import type { Selection } from '../message/selection.ts';
import { StreamName } from '../message/stream-name.ts';
import { IdIndex, idHash } from './id-index.ts';
import type { AppendOutcome, CategorySummary, StreamSummary } from './message-store.ts';
import { MessageTable } from './message-table.ts';
import { EveryRow, RowMerge, type Rows, type RowWalk } from './row-merge.ts';

/** A stream of one log. */
export type StreamRows = {
  readonly name: StreamName;
  /** Its number in the log, in order of first message. */
  readonly number: number;
  readonly category: CategoryRows;
  /** Its rows; at index n the message with position n. */
  readonly rows: number[];
};

// CommonJS compiled from TypeScript: Node and Vitest disagree on what its default import is, but not on `require`.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof import('sorted-btree');

type CategoryRows = { streamCount: number; readonly rows: number[] };

const noRows: Rows = [];

/** One namespace in memory: the table of its messages and the indexes that find them. All calls are synchronous. */
export class MemoryLog {
  readonly table = new MessageTable();
  /** What its messages count against the store's limit. */
  bytes = 0;
  readonly #ids = new IdIndex((row) => this.table.idHash(row));
  readonly #streams = new Map<string, StreamRows>();
  readonly #streamsByNumber: StreamRows[] = [];
  readonly #streamNames = new BTree<string, StreamRows>(undefined, compareUtf8);
  readonly #categories = new BTree<string, CategoryRows>(undefined, compareUtf8);

  /** Global position of the last message, 0 when there is none. */
  get head(): number {
    return this.table.length === 0 ? 0 : this.table.globalPosition(this.table.length - 1);
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
    return (this.#streams.get(name)?.rows.length ?? 0) - 1;
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
      globalPosition: this.head + 1,
      position: stream.rows.length,
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
    };
  }

  /** The first row at or behind a global position; the table's length when there is none. O(log n). */
  rowAt(globalPosition: number): number {
    let low = 0;
    let high = this.table.length;
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
    const streams = selection.streams.map((name) => this.#streams.get(name)?.rows ?? noRows);
    const categories = selection.categories.map((category) => this.categoryRows(category));
    // A start by stream position comes with a single stream only, whose rows are in position order.
    const positionRow = selection.fromPosition === 0 ? 0 : (streams[0]?.[selection.fromPosition] ?? this.table.length);
    return new RowMerge([...streams, ...categories], Math.max(fromRow, positionRow));
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
      version: stream.rows.length - 1,
      messageCount: stream.rows.length,
      lastActivityMs: this.table.timeMs(stream.rows.at(-1)!),
    };
  }

  #addStream(text: string): StreamRows {
    const name = new StreamName(text);
    const category = this.#categories.get(name.category) ?? this.#addCategory(name.category);
    const stream: StreamRows = { name, number: this.#streamsByNumber.length, category, rows: [] };
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

  #knownIds(stream: string, messages: readonly NewMessage[]): AppendOutcome | undefined {
    const seen = new Set<string>();
    let knownRow = -1;
    let knownCount = 0;
    for (const message of messages) {
      if (!message.given) continue;
      if (seen.has(message.id)) return { outcome: 'duplicate-id', id: message.id };
      seen.add(message.id);
      const row = this.#ids.find(idHash(message.id), (candidate) => this.table.id(candidate) === message.id);
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
