import type { RowText } from '../shared/row-text.ts';
import { MessageTexts } from './message-texts.ts';
import { NumberColumn } from './number-column.ts';

const rowBits = 10;
const rowsPerChunk = 1 << rowBits;
const rowMask = rowsPerChunk - 1;

/**
 * Numbers of chunks, and so of rows, begin again where they would no longer fit into 32 bits with one left for the id index:
 * after 4,294,966,272 messages.
 */
const maxChunks = 2 ** (32 - rowBits) - 1;

/** A chunk with fewer rows than this is sparse. */
const fewRowsInChunk = rowsPerChunk / 8;

/** In place of the number of the stream: the row is gone. */
const noRow = 2 ** 32 - 1;

/**
 * Bytes a message costs at most beside its text: its row, and its entries in the order of the log and in the stream,
 * category and id indexes.
 */
export const rowBytes = 96;

/** 1,024 rows. Columns of numbers outside the JavaScript heap, so that a million messages give the collector nothing to walk. */
class Chunk {
  readonly globalPositions: NumberColumn;
  readonly positions = new NumberColumn(rowsPerChunk, 0);
  readonly timesMs: NumberColumn;
  readonly streams = new Uint32Array(rowsPerChunk);
  readonly idHashes = new Uint32Array(rowsPerChunk);
  /** Where the row's text lies. */
  readonly texts: NumberColumn;
  /** Rows that are there. */
  length = 0;
  /** Only imported messages have any. */
  timeNanos: Uint32Array | undefined = undefined;

  constructor({ globalPosition, timeMs }: RowPlace, text: number) {
    this.texts = new NumberColumn(rowsPerChunk, text);
    this.globalPositions = new NumberColumn(rowsPerChunk, globalPosition);
    this.timesMs = new NumberColumn(rowsPerChunk, timeMs);
  }
}

/** The place of a new row; the text comes from the message. */
export type RowPlace = {
  readonly globalPosition: number;
  readonly position: number;
  readonly timeMs: number;
  /** Number of the stream within its log. */
  readonly stream: number;
  readonly idHash: number;
};

/** All messages of one log by row number. Numbers are given in the order in which messages come; what is gone has none. */
export class MessageTable {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #texts = new MessageTexts();
  #length = 0;
  /** The row that was added last. */
  #last: number;
  /** Chunks that are there. */
  #chunkCount = 0;
  readonly #sparse = new Set<number>();

  /** `last`: the number before that of the first row. */
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

  /** The number of the row that is added next. */
  get next(): number {
    const next = this.#last + 1;
    if ((next & rowMask) !== 0) return next;
    let chunk = (next >>> rowBits) % maxChunks;
    while (this.#chunks[chunk] !== undefined) chunk = (chunk + 1) % maxChunks;
    return chunk * rowsPerChunk;
  }

  /** Wipes a row, and gives its chunk back with the last one in it. */
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

  /** Some rows that keep memory which is mostly empty, and so are to be moved: removed, and added again. */
  sparseRows(): number[] {
    const heap = this.#texts.sparseHeap;
    if (heap !== undefined) return this.#rowsOfHeap(heap);
    if (this.#chunkCount * rowsPerChunk <= this.#length * 4 + rowsPerChunk * 2) return [];
    const [sparse] = this.#sparse;
    return sparse === undefined ? [] : this.#rowsOfChunk(sparse);
  }

  /** Text and place of a row, as it was added. */
  rowOf(row: number): { readonly text: RowText; readonly place: RowPlace } {
    const text = { id: this.id(row), type: this.type(row), data: this.data(row), metadata: this.metadata(row) };
    const [globalPosition, position, timeMs] = [this.globalPosition(row), this.position(row), this.timeMs(row)];
    return { text, place: { globalPosition, position, timeMs, stream: this.stream(row), idHash: this.idHash(row) } };
  }

  /** Bytes that the row counts which was added last. */
  get addedBytes(): number {
    return this.#texts.addedBytes + rowBytes;
  }

  /** Bytes that the row counts. */
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

  /** Text is added in the order of rows, so the chunks in which a heap has rows are those whose first and last rows enclose it. */
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
