import { MessageTexts, type RowText } from './message-texts.ts';
import { NumberColumn } from './number-column.ts';

const rowBits = 10;
const rowsPerChunk = 1 << rowBits;
const rowMask = rowsPerChunk - 1;

/** Bytes a message costs at most beside its text: its row, and its entries in the stream, category and id indexes. */
export const rowBytes = 96;

/** 1,024 rows. Columns of numbers outside the JavaScript heap, so that a million messages give the collector nothing to walk. */
class Chunk {
  readonly globalPositions: NumberColumn;
  readonly positions = new NumberColumn(rowsPerChunk, 0);
  readonly timesMs: NumberColumn;
  readonly streams = new Uint32Array(rowsPerChunk);
  readonly idHashes = new Uint32Array(rowsPerChunk);
  /** Where the row's text lies. */
  readonly texts = new NumberColumn(rowsPerChunk, 0);
  /** Only imported messages have any. */
  timeNanos: Uint32Array | undefined = undefined;

  constructor({ globalPosition, timeMs }: RowPlace) {
    this.globalPositions = new NumberColumn(rowsPerChunk, globalPosition);
    this.timesMs = new NumberColumn(rowsPerChunk, timeMs);
  }
}

const columns = ['globalPositions', 'positions', 'timesMs', 'streams', 'idHashes', 'texts', 'timeNanos'] as const;

/** The place of a new row; the text comes from the message. */
export type RowPlace = {
  readonly globalPosition: number;
  readonly position: number;
  readonly timeMs: number;
  /** Number of the stream within its log. */
  readonly stream: number;
  readonly idHash: number;
};

/** All messages of one log by row number, in global order. */
export class MessageTable {
  readonly #chunks: Chunk[] = [];
  readonly #texts = new MessageTexts();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a row and returns its number. */
  append(message: RowText, place: RowPlace): number {
    const row = this.#length++;
    const at = row & rowMask;
    if (at === 0) this.#chunks.push(new Chunk(place));
    const chunk = this.#chunk(row);
    chunk.globalPositions.set(at, place.globalPosition);
    chunk.positions.set(at, place.position);
    chunk.timesMs.set(at, place.timeMs);
    chunk.streams[at] = place.stream;
    chunk.idHashes[at] = place.idHash;
    chunk.texts.set(at, this.#texts.add(message));
    return row;
  }

  globalPosition(row: number): number {
    return this.#chunk(row).globalPositions.get(row & rowMask);
  }

  position(row: number): number {
    return this.#chunk(row).positions.get(row & rowMask);
  }

  timeMs(row: number): number {
    return this.#chunk(row).timesMs.get(row & rowMask);
  }

  /** Nanoseconds beyond the milliseconds. */
  timeNanos(row: number): number {
    return this.#chunk(row).timeNanos?.[row & rowMask] ?? 0;
  }

  setTimeNanos(row: number, nanos: number): void {
    const chunk = this.#chunk(row);
    if (nanos !== 0) chunk.timeNanos ??= new Uint32Array(rowsPerChunk);
    if (chunk.timeNanos !== undefined) chunk.timeNanos[row & rowMask] = nanos;
  }

  stream(row: number): number {
    return this.#chunk(row).streams[row & rowMask]!;
  }

  idHash(row: number): number {
    return this.#chunk(row).idHashes[row & rowMask]!;
  }

  id(row: number): string {
    return this.#texts.id(this.#text(row));
  }

  type(row: number): string {
    return this.#texts.type(this.#text(row));
  }

  data(row: number): string {
    return this.#texts.data(this.#text(row));
  }

  metadata(row: number): string | null {
    return this.#texts.metadata(this.#text(row));
  }

  /** Bytes of data and metadata, for bounding a page. */
  payloadBytes(row: number): number {
    return this.#texts.payloadBytes(this.#text(row));
  }

  /**
   * Puts the rows from `tail` on, which are in global order among themselves, in their places among those before. Returns
   * what the rows from `from` on, the place of the first of them, have become: at index n the new number of row from + n.
   * O(rows behind `from`); their text stays where it is.
   */
  mergeTail(from: number, tail: number): Uint32Array {
    const count = this.#length - from;
    const newRows = new Uint32Array(count);
    const oldRows = new Uint32Array(count);
    for (let before = from, behind = tail, next = 0; next < count; next++) {
      const takesTail =
        before === tail || (behind < this.#length && this.globalPosition(behind) < this.globalPosition(before));
      const row = takesTail ? behind++ : before++;
      newRows[row - from] = from + next;
      oldRows[next] = row - from;
    }
    if (this.#chunks.some((chunk) => chunk.timeNanos !== undefined)) {
      for (const chunk of this.#chunks) chunk.timeNanos ??= new Uint32Array(rowsPerChunk);
    }
    for (const column of columns) this.#permute(column, from, oldRows);
    return newRows;
  }

  /** Gives row `from` + n what row `from` + `oldRows[n]` has in this column. */
  #permute(column: (typeof columns)[number], from: number, oldRows: Uint32Array): void {
    const first = from >>> rowBits;
    const values = new Float64Array((this.#chunks.length - first) * rowsPerChunk);
    for (let index = first; index < this.#chunks.length; index++) {
      const part = this.#chunks[index]![column];
      if (part instanceof NumberColumn) part.copyTo(values, (index - first) * rowsPerChunk);
      else if (part !== undefined) values.set(part, (index - first) * rowsPerChunk);
    }
    const skipped = from & rowMask;
    for (let n = 0; n < oldRows.length; ) {
      const part = this.#chunks[(from + n) >>> rowBits]![column];
      const end = Math.min(oldRows.length, n + rowsPerChunk - ((from + n) & rowMask));
      if (part === undefined) n = end;
      else if (part instanceof NumberColumn) {
        for (; n < end; n++) part.set((from + n) & rowMask, values[skipped + oldRows[n]!]!);
      } else for (; n < end; n++) part[(from + n) & rowMask] = values[skipped + oldRows[n]!]!;
    }
  }

  #chunk(row: number): Chunk {
    return this.#chunks[row >>> rowBits]!;
  }

  #text(row: number): number {
    return this.#chunk(row).texts.get(row & rowMask);
  }
}
