import type { RowText } from '../shared/row-text.ts';
import { MessageTexts } from './message-texts.ts';
import { NumberColumn } from './number-column.ts';

const rowBits = 10;
const rowsPerChunk = 1 << rowBits;
const rowMask = rowsPerChunk - 1;

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
  readonly texts = new NumberColumn(rowsPerChunk, 0);
  /** Only imported messages have any. */
  timeNanos: Uint32Array | undefined = undefined;

  constructor({ globalPosition, timeMs }: RowPlace) {
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

/** All messages of one log by row number, in the order in which they came. A row keeps its number. */
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

  #chunk(row: number): Chunk {
    return this.#chunks[row >>> rowBits]!;
  }

  #text(row: number): number {
    return this.#chunk(row).texts.get(row & rowMask);
  }
}
