import type { NewMessage } from '../message/message.ts';

const rowBits = 9;
const rowsPerChunk = 1 << rowBits;
const rowMask = rowsPerChunk - 1;
const firstHeapBytes = 4_096;
const maxHeapBytes = 1_048_576;

/** Bytes a message costs beside its text: its row, and its entries in the stream, category and id indexes. */
export const rowBytes = 96;

/** 512 rows. Columns of numbers outside the JavaScript heap, so that a million messages give the collector nothing to walk. */
class Chunk {
  readonly globalPositions = new Float64Array(rowsPerChunk);
  readonly positions = new Float64Array(rowsPerChunk);
  readonly timesMs = new Float64Array(rowsPerChunk);
  readonly streams = new Uint32Array(rowsPerChunk);
  readonly idHashes = new Uint32Array(rowsPerChunk);
  readonly heaps = new Uint32Array(rowsPerChunk);
  readonly offsets = new Uint32Array(rowsPerChunk);
  readonly idBytes = new Uint16Array(rowsPerChunk);
  readonly typeBytes = new Uint16Array(rowsPerChunk);
  readonly dataBytes = new Uint32Array(rowsPerChunk);
  /** One more than the length; 0: null. */
  readonly metadataBytes = new Uint32Array(rowsPerChunk);
  /** Only imported messages have any. */
  timeNanos: Uint32Array | undefined = undefined;
}

const columns = [
  'globalPositions',
  'positions',
  'timesMs',
  'streams',
  'idHashes',
  'heaps',
  'offsets',
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
    if (at === 0) this.#chunks.push(new Chunk());
    const chunk = this.#chunk(row);
    chunk.globalPositions[at] = place.globalPosition;
    chunk.positions[at] = place.position;
    chunk.timesMs[at] = place.timeMs;
    chunk.streams[at] = place.stream;
    chunk.idHashes[at] = place.idHash;
    this.#writeText(chunk, at, message);
    return row;
  }

  globalPosition(row: number): number {
    return this.#chunk(row).globalPositions[row & rowMask]!;
  }

  position(row: number): number {
    return this.#chunk(row).positions[row & rowMask]!;
  }

  timeMs(row: number): number {
    return this.#chunk(row).timesMs[row & rowMask]!;
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
    return this.#slice(row, 0, this.#chunk(row).idBytes[row & rowMask]!);
  }

  type(row: number): string {
    const chunk = this.#chunk(row);
    return this.#slice(row, chunk.idBytes[row & rowMask]!, chunk.typeBytes[row & rowMask]!);
  }

  data(row: number): string {
    const chunk = this.#chunk(row);
    const at = row & rowMask;
    return this.#slice(row, chunk.idBytes[at]! + chunk.typeBytes[at]!, chunk.dataBytes[at]!);
  }

  metadata(row: number): string | null {
    const chunk = this.#chunk(row);
    const at = row & rowMask;
    const bytes = chunk.metadataBytes[at]!;
    if (bytes === 0) return null;
    return this.#slice(row, chunk.idBytes[at]! + chunk.typeBytes[at]! + chunk.dataBytes[at]!, bytes - 1);
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
      if (part !== undefined) values.set(part, (index - first) * rowsPerChunk);
    }
    const skipped = from & rowMask;
    for (let n = 0; n < oldRows.length; ) {
      const part = this.#chunks[(from + n) >>> rowBits]![column];
      const end = Math.min(oldRows.length, n + rowsPerChunk - ((from + n) & rowMask));
      if (part === undefined) n = end;
      for (; n < end; n++) part![(from + n) & rowMask] = values[skipped + oldRows[n]!]!;
    }
  }

  #chunk(row: number): Chunk {
    return this.#chunks[row >>> rowBits]!;
  }

  #slice(row: number, skip: number, bytes: number): string {
    const chunk = this.#chunk(row);
    const start = chunk.offsets[row & rowMask]! + skip;
    return this.#heaps[chunk.heaps[row & rowMask]!]!.toString('utf8', start, start + bytes);
  }

  #writeText(chunk: Chunk, at: number, message: RowText): void {
    const { id, type, data, metadata } = message;
    // Three bytes a UTF-16 unit is the most UTF-8 needs; only a message that might not fit is measured exactly.
    const units = id.length + type.length + data.length + (metadata?.length ?? 0);
    let heap = this.#heaps.at(-1);
    if (heap === undefined || this.#heapUsed + units * 3 > heap.length) {
      const bytes = textBytes(message);
      if (heap === undefined || this.#heapUsed + bytes > heap.length) heap = this.#newHeap(bytes);
    }
    const start = this.#heapUsed;
    const typeAt = start + heap.write(id, start);
    const dataAt = typeAt + heap.write(type, typeAt);
    const metadataAt = dataAt + heap.write(data, dataAt);
    const end = metadata === null ? metadataAt : metadataAt + heap.write(metadata, metadataAt);
    chunk.heaps[at] = this.#heaps.length - 1;
    chunk.offsets[at] = start;
    chunk.idBytes[at] = typeAt - start;
    chunk.typeBytes[at] = dataAt - typeAt;
    chunk.dataBytes[at] = metadataAt - dataAt;
    chunk.metadataBytes[at] = metadata === null ? 0 : end - metadataAt + 1;
    this.#heapUsed = end;
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
