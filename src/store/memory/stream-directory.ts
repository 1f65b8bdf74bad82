import { createRequire } from 'node:module';
import { StreamName } from '../../message/stream-name.ts';
import type { CategorySummary } from '../log.ts';
import { compareUtf8 } from '../shared/utf8-order.ts';
import { HashIndex, textHash } from './hash-index.ts';
import { RowList, type Rows } from './row-list.ts';

type Positions = { position(row: number): number };

/** A stream of one log. */
export type StreamRows = {
  readonly name: StreamName;
  readonly nameHash: number;
  /** Number of the stream in its log, in order of first message. */
  readonly number: number;
  readonly category: CategoryRows;
  /** Rows in order of position. If no messages are missing, index and position are equal. */
  readonly rows: RowList;
  /** Position of the stream's next message. */
  next: number;
  /** Time of the stream's last message; kept when all messages are removed. */
  lastMs: number;
  /** Global position of the last message deleted by retention. */
  forgottenUpTo: number;
};

/** A category of one log. */
export type CategoryRows = {
  streamCount: number;
  readonly rows: RowList;
  /** Bytes counted for its messages. */
  bytes: number;
  /** Global position of the last message deleted by retention. */
  forgottenUpTo: number;
};

// CommonJS compiled from TypeScript: Node and Vitest disagree on its default import, but not on `require`.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof import('sorted-btree');

const noRows: Rows = [];

const chunkBits = 10;
const streamsPerChunk = 1 << chunkBits;
const chunkMask = streamsPerChunk - 1;

/** Streams and categories of one log by name, each with its rows. */
export class StreamDirectory {
  /** By number. A single array would be copied in one long pause as it grows (load/micro/streams.ts). */
  readonly #chunks: StreamRows[][] = [];
  #size = 0;
  readonly #numbers = new HashIndex((number) => this.byNumber(number).nameHash);
  readonly #names = new BTree<string, StreamRows>(undefined, compareUtf8);
  readonly #categories = new BTree<string, CategoryRows>(undefined, compareUtf8);

  get size(): number {
    return this.#size;
  }

  stream(name: string): StreamRows | undefined {
    const number = this.#numbers.find(textHash(name), (candidate) => this.byNumber(candidate).name.text === name);
    return number === -1 ? undefined : this.byNumber(number);
  }

  byNumber(number: number): StreamRows {
    return this.#chunks[number >>> chunkBits]![number & chunkMask]!;
  }

  /** Returns the stream, added if necessary. */
  open(name: string): StreamRows {
    return this.stream(name) ?? this.#add(copyOf(name));
  }

  streamRows(name: string): Rows {
    return this.stream(name)?.rows ?? noRows;
  }

  category(name: string): CategoryRows | undefined {
    return this.#categories.get(name);
  }

  categoryRows(category: string): Rows {
    return this.#categories.get(category)?.rows ?? noRows;
  }

  /** Streams whose name starts with `prefix` and comes after `after`, in order of UTF-8 bytes. */
  list(prefix: string, after: string | undefined, limit: number): StreamRows[] {
    const found: StreamRows[] = [];
    const from = after === undefined || compareUtf8(after, prefix) < 0 ? prefix : after;
    for (const [name, stream] of this.#names.entries(from)) {
      if (found.length === limit || !name.startsWith(prefix)) break;
      if (name !== after) found.push(stream);
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

  #add(text: string): StreamRows {
    const name = new StreamName(text);
    const category = this.#categories.get(name.category) ?? this.#addCategory(name.category);
    const stream: StreamRows = {
      name,
      nameHash: textHash(text),
      number: this.#size++,
      category,
      rows: new RowList(),
      next: 0,
      lastMs: 0,
      forgottenUpTo: 0,
    };
    category.streamCount++;
    if ((stream.number & chunkMask) === 0) this.#chunks.push([]);
    this.#chunks[stream.number >>> chunkBits]!.push(stream);
    this.#numbers.add(stream.nameHash, stream.number);
    this.#names.set(text, stream);
    return stream;
  }

  #addCategory(category: string): CategoryRows {
    const rows: CategoryRows = { streamCount: 0, rows: new RowList(), bytes: 0, forgottenUpTo: 0 };
    this.#categories.set(category, rows);
    return rows;
  }
}

/** Copies the text, so that it does not keep the possibly much longer request alive that it is a slice of. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** Index in the stream's rows of the first message at or after a position; the number of rows if there is none. O(log n). */
export function indexOfPosition({ rows, next }: StreamRows, table: Positions, position: number): number {
  if (rows.length === next) return Math.min(Math.max(0, position), rows.length);
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.position(rows.at(middle)!) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
