import type { NewMessage } from '../message/message.ts';
import { NumberColumn } from './number-column.ts';
import { packedIdBytes, packId, unpackId } from './packed-id.ts';

const rowBits = 9;
const rowsPerChunk = 1 << rowBits;
const rowMask = rowsPerChunk - 1;
const firstHeapBytes = 4_096;
const maxHeapBytes = 1_048_576;
const heapMask = maxHeapBytes - 1;

/** Bytes a message costs at most beside its text: its row, and its entries in the stream, category and id indexes. */
export const rowBytes = 96;

/** 512 rows. Columns of numbers outside the JavaScript heap, so that a million messages give the collector nothing to walk. */
class Chunk {
  readonly globalPositions: NumberColumn;
  readonly positions = new NumberColumn(rowsPerChunk, 0);
  readonly timesMs: NumberColumn;
  readonly streams = new Uint32Array(rowsPerChunk);
  readonly idHashes = new Uint32Array(rowsPerChunk);
  /** Where the row's text begins: number of its heap and place in it, as one number. */
  readonly texts = new NumberColumn(rowsPerChunk, 0);
  /** 0: a packed UUID. */
  readonly idBytes = new Uint16Array(rowsPerChunk);
  readonly typeBytes = new Uint16Array(rowsPerChunk);
  readonly dataBytes = new Uint32Array(rowsPerChunk);
  /** One more than the length; 0: null. */
  readonly metadataBytes = new Uint32Array(rowsPerChunk);
  /** Only imported messages have any. */
  timeNanos: Uint32Array | undefined = undefined;

  constructor({ globalPosition, timeMs }: RowPlace) {
    this.globalPositions = new NumberColumn(rowsPerChunk, globalPosition);
    this.timesMs = new NumberColumn(rowsPerChunk, timeMs);
  }
}

const columns = [
  'globalPositions',
  'positions',
  'timesMs',
  'streams',
  'idHashes',
  'texts',
  'idBytes',
  'typeBytes',
  'dataBytes',
  'metadataBytes',
  'timeNanos',
] as const;

/** What a row keeps as text. */
export type RowText = Pick<NewMessage, 'id' | 'type' | 'data' | 'metadata'>;

/** The place of a new row; the text comes from the message. */
export type RowPlace = {
  readonly globalPosition: number;
  readonly position: number;
  readonly timeMs: number;
  /** Number of the stream within its log. */
  readonly stream: number;
  readonly idHash: number;
};

/** All messages of one log by row number, in global order. Text lies in heaps of at most 1 MiB (or one message). */
export class MessageTable {
  readonly #chunks: Chunk[] = [];
  readonly #heaps: Buffer[] = [];
  #heapUsed = 0;
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
    this.#writeText(chunk, at, message);
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
    const bytes = this.#chunk(row).idBytes[row & rowMask]!;
    if (bytes > 0) return this.#slice(row, 0, bytes);
    const text = this.#chunk(row).texts.get(row & rowMask);
    return unpackId(this.#heapOf(text), text & heapMask);
  }

  type(row: number): string {
    return this.#slice(row, this.#typeStart(row), this.#chunk(row).typeBytes[row & rowMask]!);
  }

  data(row: number): string {
    return this.#slice(row, this.#dataStart(row), this.#chunk(row).dataBytes[row & rowMask]!);
  }

  metadata(row: number): string | null {
    const chunk = this.#chunk(row);
    const bytes = chunk.metadataBytes[row & rowMask]!;
    if (bytes === 0) return null;
    return this.#slice(row, this.#dataStart(row) + chunk.dataBytes[row & rowMask]!, bytes - 1);
  }

  /** Bytes of data and metadata, for bounding a page. */
  payloadBytes(row: number): number {
    const chunk = this.#chunk(row);
    return chunk.dataBytes[row & rowMask]! + chunk.metadataBytes[row & rowMask]!;
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

  #typeStart(row: number): number {
    return this.#chunk(row).idBytes[row & rowMask]! || packedIdBytes;
  }

  #dataStart(row: number): number {
    return this.#typeStart(row) + this.#chunk(row).typeBytes[row & rowMask]!;
  }

  #heapOf(text: number): Buffer {
    return this.#heaps[Math.floor(text / maxHeapBytes)]!;
  }

  #slice(row: number, skip: number, bytes: number): string {
    const text = this.#chunk(row).texts.get(row & rowMask);
    const start = (text & heapMask) + skip;
    return this.#heapOf(text).toString('utf8', start, start + bytes);
  }

  #writeText(chunk: Chunk, at: number, message: RowText): void {
    const { id, type, data, metadata } = message;
    const heap = this.#heapFor(message);
    const start = this.#heapUsed;
    const isPacked = packId(id, heap, start);
    const typeAt = start + (isPacked ? packedIdBytes : heap.write(id, start));
    const dataAt = typeAt + heap.write(type, typeAt);
    const metadataAt = dataAt + heap.write(data, dataAt);
    const end = metadata === null ? metadataAt : metadataAt + heap.write(metadata, metadataAt);
    chunk.texts.set(at, (this.#heaps.length - 1) * maxHeapBytes + start);
    chunk.idBytes[at] = isPacked ? 0 : typeAt - start;
    chunk.typeBytes[at] = dataAt - typeAt;
    chunk.dataBytes[at] = metadataAt - dataAt;
    chunk.metadataBytes[at] = metadata === null ? 0 : end - metadataAt + 1;
    this.#heapUsed = end;
  }

  /** The heap that has room for the message. */
  #heapFor(message: RowText): Buffer {
    const { id, type, data, metadata } = message;
    const heap = this.#heaps.at(-1);
    // Behind a message that is longer than a heap nothing begins: its place could not be told.
    if (heap === undefined || this.#heapUsed >= maxHeapBytes) return this.#newHeap(textBytes(message));
    // Three bytes a UTF-16 unit is the most UTF-8 needs; only a message that might not fit is measured exactly.
    const units = id.length + type.length + data.length + (metadata?.length ?? 0);
    if (this.#heapUsed + units * 3 <= heap.length) return heap;
    const bytes = textBytes(message);
    return this.#heapUsed + bytes <= heap.length ? heap : this.#newHeap(bytes);
  }

  #newHeap(atLeast: number): Buffer {
    const doubled = Math.min(maxHeapBytes, (this.#heaps.at(-1)?.length ?? firstHeapBytes / 2) * 2);
    const heap = Buffer.allocUnsafeSlow(Math.max(doubled, atLeast));
    this.#heaps.push(heap);
    this.#heapUsed = 0;
    return heap;
  }
}

/** UTF-8 bytes of a message's text. */
export function textBytes({ id, type, data, metadata }: RowText): number {
  return (
    Buffer.byteLength(id) +
    Buffer.byteLength(type) +
    Buffer.byteLength(data) +
    (metadata === null ? 0 : Buffer.byteLength(metadata))
  );
}
