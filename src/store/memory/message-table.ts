import type { RowText } from '../shared/row-text.ts';
import { MessageTexts } from './message-texts.ts';
import { NumberColumn } from './number-column.ts';

const rowBits = 10;
const rowsPerChunk = 1 << rowBits;
const rowMask = rowsPerChunk - 1;

/** Row numbers wrap around before they exceed 32 bits, with one value reserved for the id index: after 4,294,966,272 messages. */
const maxChunks = 2 ** (32 - rowBits) - 1;

/** A chunk with fewer rows is sparse. */
const fewRowsInChunk = rowsPerChunk / 8;

/** Stream number of a removed row. */
const noRow = 2 ** 32 - 1;

/**
 * Upper bound of a message's bytes in addition to its text: its row, and its entries in the log, stream, category and
 * id indexes.
 */
export const rowBytes = 96;

/** 1,024 rows. Numeric columns outside the JavaScript heap, so that a million messages do not slow the garbage collector. */
class Chunk {
  readonly globalPositions: NumberColumn;
  readonly positions = new NumberColumn(rowsPerChunk, 0);
  readonly timesMs: NumberColumn;
  readonly streams = new Uint32Array(rowsPerChunk);
  readonly idHashes = new Uint32Array(rowsPerChunk);
  /** Location of each row's text. */
  readonly texts: NumberColumn;
  /** Number of rows not removed. */
  length = 0;
  /** Allocated only for imported messages. */
  timeNanos: Uint32Array | undefined = undefined;

  constructor({ globalPosition, timeMs }: RowPlace, text: number) {
    this.texts = new NumberColumn(rowsPerChunk, text);
    this.globalPositions = new NumberColumn(rowsPerChunk, globalPosition);
    this.timesMs = new NumberColumn(rowsPerChunk, timeMs);
  }
}

/** Position data of a new row; the text comes from the message. */
export type RowPlace = {
  readonly globalPosition: number;
  readonly position: number;
  readonly timeMs: number;
  /** Number of the stream within its log. */
  readonly stream: number;
  readonly idHash: number;
};

/** All messages of one log by row number. Row numbers are assigned in order of arrival; removed rows have none. */
export class MessageTable {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #texts = new MessageTexts();
  #length = 0;
  /** Number of the last row added. */
  #last: number;
  /** Number of chunks allocated. */
  #chunkCount = 0;
  readonly #sparse = new Set<number>();

  /** `last`: one less than the number of the first row. */
  constructor(last = -1) {
    this.#last = last;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a row and returns its number. */
  append(message: RowText, place: RowPlace): number {
    const text = this.#texts.add(message);
    const row = this.next;
    const at = row & rowMask;
    if (at === 0) this.#addChunk(row >>> rowBits, new Chunk(place, text));
    const chunk = this.#chunk(row);
    this.#last = row;
    this.#length++;
    chunk.length++;
    chunk.globalPositions.set(at, place.globalPosition);
    chunk.positions.set(at, place.position);
    chunk.timesMs.set(at, place.timeMs);
    chunk.streams[at] = place.stream;
    chunk.idHashes[at] = place.idHash;
    chunk.texts.set(at, text);
    return row;
  }

  /** Number of the next row. */
  get next(): number {
    const next = this.#last + 1;
    if ((next & rowMask) !== 0) return next;
    let chunk = (next >>> rowBits) % maxChunks;
    while (this.#chunks[chunk] !== undefined) chunk = (chunk + 1) % maxChunks;
    return chunk * rowsPerChunk;
  }

  /** Clears a row; frees its chunk if it was the last row in there. */
  remove(row: number): void {
    const number = row >>> rowBits;
    const chunk = this.#chunk(row);
    this.#texts.release(this.#text(row));
    chunk.streams[row & rowMask] = noRow;
    chunk.length--;
    this.#length--;
    const isLast = number === this.#last >>> rowBits;
    if (chunk.length === 0 && !isLast) this.#dropChunk(number);
    else if (chunk.length < fewRowsInChunk && !isLast) this.#sparse.add(number);
  }

  /** Some rows of sparse chunks and heaps. Removing and re-adding them frees that memory. */
  sparseRows(): number[] {
    const heap = this.#texts.sparseHeap;
    if (heap !== undefined) return this.#rowsOfHeap(heap);
    if (this.#chunkCount * rowsPerChunk <= this.#length * 4 + rowsPerChunk * 2) return [];
    const [sparse] = this.#sparse;
    return sparse === undefined ? [] : this.#rowsOfChunk(sparse);
  }

  /** Text and position data of a row, for adding it again. */
  rowOf(row: number): { readonly text: RowText; readonly place: RowPlace } {
    const text = { id: this.id(row), type: this.type(row), data: this.data(row), metadata: this.metadata(row) };
    const [globalPosition, position, timeMs] = [this.globalPosition(row), this.position(row), this.timeMs(row)];
    return { text, place: { globalPosition, position, timeMs, stream: this.stream(row), idHash: this.idHash(row) } };
  }

  /** Bytes counted for the last row added. */
  get addedBytes(): number {
    return this.#texts.addedBytes + rowBytes;
  }

  /** Bytes counted for the row. */
  bytes(row: number): number {
    return this.#texts.textBytes(this.#text(row)) + rowBytes;
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

  /** Nanoseconds within the millisecond. */
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

  /** Bytes of data and metadata, for limiting the size of a page. */
  payloadBytes(row: number): number {
    return this.#texts.payloadBytes(this.#text(row));
  }

  #chunk(row: number): Chunk {
    return this.#chunks[row >>> rowBits]!;
  }

  #addChunk(number: number, chunk: Chunk): void {
    const last = this.#last >>> rowBits;
    if (this.#last >= 0 && this.#chunks[last]?.length === 0) this.#dropChunk(last);
    this.#chunks[number] = chunk;
    this.#chunkCount++;
  }

  #dropChunk(number: number): void {
    this.#chunks[number] = undefined;
    this.#chunkCount--;
    this.#sparse.delete(number);
  }

  #rowsOfChunk(number: number): number[] {
    const { streams } = this.#chunks[number]!;
    const rows: number[] = [];
    for (let at = 0; at < rowsPerChunk; at++) if (streams[at] !== noRow) rows.push(number * rowsPerChunk + at);
    return rows;
  }

  /** Text is added in row order, so a heap's rows lie in the chunks between its first and its last row. */
  #rowsOfHeap(heap: number): number[] {
    const rows: number[] = [];
    const last = this.#last >>> rowBits;
    for (const [number, chunk] of this.#chunks.entries()) {
      if (chunk === undefined || this.#texts.heapOf(chunk.texts.get(0)) > heap) continue;
      const end = number === last ? (this.#last & rowMask) + 1 : rowsPerChunk;
      if (this.#texts.heapOf(chunk.texts.get(end - 1)) < heap) continue;
      for (let at = 0; at < end; at++) {
        const isThere = chunk.streams[at] !== noRow && this.#texts.heapOf(chunk.texts.get(at)) === heap;
        if (isThere) rows.push(number * rowsPerChunk + at);
      }
    }
    return rows;
  }

  #text(row: number): number {
    return this.#chunk(row).texts.get(row & rowMask);
  }
}
