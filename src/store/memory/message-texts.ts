import { packedIdBytes, packId, unpackId } from '../shared/packed-id.ts';
import type { RowText } from '../shared/row-text.ts';

const firstHeapBytes = 4_096;
const maxHeapBytes = 1_048_576;
const heapMask = maxHeapBytes - 1;
/** Number of types that are stored once and referenced by number. Others are stored in each message. */
const maxNumberedTypes = 1_024;
const maxLengthBytes = 5;
const maxHeaderBytes = 5 * maxLengthBytes;

/** A heap is sparse if records occupy less than 1/8 of it. */
const sparseShare = 8;

/** Length of a UUID's text. */
const packedIdText = 36;

const packed = Buffer.alloc(packedIdBytes);

/**
 * Message texts as consecutive records in heaps of at most 1 MiB (or one message), outside the JavaScript heap. A
 * record starts with its lengths as variable-length integers, seven bits per byte: id bytes, 0 for a packed UUID; type
 * number, or 0 followed by its bytes; data bytes; metadata bytes plus one, or 0 for null.
 */
export class MessageTexts {
  /** Undefined: a heap without records. */
  readonly #heaps: (Buffer | undefined)[] = [];
  /** Bytes of records in each heap. */
  readonly #recordBytes: number[] = [];
  #heapUsed = 0;
  /** Total bytes of all heaps, and of the records in them. */
  #allocated = 0;
  #used = 0;
  readonly #sparse = new Set<number>();
  readonly #types = [''];
  /** UTF-8 length of each type. */
  readonly #typeBytes = [0];
  /** UTF-8 length of the last text added. */
  addedBytes = 0;
  readonly #typeNumbers = new Map<string, number>();
  /** The record whose lengths were read last; cached in the following fields. */
  #opened = -1;
  #heap: Buffer = packed;
  #at = 0;
  #idAt = 0;
  #idBytes = 0;
  #type = '';
  #dataAt = 0;
  #metadataAt = 0;
  #end = 0;
  #hasMetadata = false;

  /** Adds a record and returns its location. */
  add({ id, type, data, metadata }: RowText): number {
    const idBytes = packId(id, packed, 0) ? 0 : Buffer.byteLength(id);
    const typeNumber = this.#numberOf(type);
    const typeBytes = typeNumber === 0 ? Buffer.byteLength(type) : 0;
    const dataBytes = Buffer.byteLength(data);
    const metadataBytes = metadata === null ? 0 : Buffer.byteLength(metadata);
    const heap = this.#heapFor(maxHeaderBytes + packedIdBytes + idBytes + typeBytes + dataBytes + metadataBytes);
    const start = this.#heapUsed;
    let at = writeLength(heap, start, idBytes);
    at = writeLength(heap, at, typeNumber);
    if (typeNumber === 0) at = writeLength(heap, at, typeBytes);
    at = writeLength(heap, at, dataBytes);
    at = writeLength(heap, at, metadata === null ? 0 : metadataBytes + 1);
    if (idBytes === 0) for (let byte = 0; byte < packedIdBytes; byte++) heap[at++] = packed[byte]!;
    else at += heap.write(id, at);
    if (typeNumber === 0) at += heap.write(type, at);
    at += heap.write(data, at);
    if (metadata !== null) at += heap.write(metadata, at);
    this.#heapUsed = at;
    this.addedBytes =
      (idBytes || packedIdText) + (typeBytes || this.#typeBytes[typeNumber]!) + dataBytes + metadataBytes;
    this.#recordBytes[this.#heaps.length - 1]! += at - start;
    this.#used += at - start;
    return (this.#heaps.length - 1) * maxHeapBytes + start;
  }

  /** Number of the heap that contains this location. */
  heapOf(place: number): number {
    return Math.floor(place / maxHeapBytes);
  }

  /** Clears a record; frees its heap if it was the last record in there. */
  release(place: number): void {
    this.#open(place);
    const start = place & heapMask;
    const bytes = this.#end - start;
    this.#heap.fill(0, start, this.#end);
    this.#opened = -1;
    this.#heap = packed;
    const number = this.heapOf(place);
    const left = this.#recordBytes[number]! - bytes;
    this.#recordBytes[number] = left;
    this.#used -= bytes;
    const isLast = number === this.#heaps.length - 1;
    if (left === 0 && isLast) this.#heapUsed = 0;
    else if (left === 0) this.#drop(number);
    else if (!isLast && left * sparseShare < this.#heaps[number]!.length) this.#sparse.add(number);
  }

  /** A sparse heap whose records should be moved, if the heaps are sparse overall; otherwise undefined. */
  get sparseHeap(): number | undefined {
    if (this.#allocated <= this.#used * 4 + maxHeapBytes) return undefined;
    return this.#sparse.values().next().value;
  }

  #drop(number: number): void {
    this.#allocated -= this.#heaps[number]!.length;
    this.#heaps[number] = undefined;
    this.#sparse.delete(number);
  }

  id(place: number): string {
    this.#open(place);
    if (this.#idBytes === 0) return unpackId(this.#heap, this.#idAt);
    return this.#heap.toString('utf8', this.#idAt, this.#idAt + this.#idBytes);
  }

  type(place: number): string {
    this.#open(place);
    return this.#type;
  }

  data(place: number): string {
    this.#open(place);
    return this.#heap.toString('utf8', this.#dataAt, this.#metadataAt);
  }

  metadata(place: number): string | null {
    this.#open(place);
    return this.#hasMetadata ? this.#heap.toString('utf8', this.#metadataAt, this.#end) : null;
  }

  /** UTF-8 length of all texts of the record. */
  textBytes(place: number): number {
    this.#open(place);
    return (this.#idBytes || packedIdText) + Buffer.byteLength(this.#type) + this.#end - this.#dataAt;
  }

  /** Bytes of data and metadata. */
  payloadBytes(place: number): number {
    this.#open(place);
    return this.#end - this.#dataAt;
  }

  #open(place: number): void {
    if (place === this.#opened) return;
    this.#opened = place;
    this.#heap = this.#heaps[Math.floor(place / maxHeapBytes)]!;
    this.#at = place & heapMask;
    this.#idBytes = this.#readLength();
    const typeNumber = this.#readLength();
    const typeBytes = typeNumber === 0 ? this.#readLength() : 0;
    const dataBytes = this.#readLength();
    const metadata = this.#readLength();
    const typeAt = this.#at + (this.#idBytes || packedIdBytes);
    this.#idAt = this.#at;
    this.#type = this.#types[typeNumber] || this.#heap.toString('utf8', typeAt, typeAt + typeBytes);
    this.#dataAt = typeAt + typeBytes;
    this.#metadataAt = this.#dataAt + dataBytes;
    this.#hasMetadata = metadata > 0;
    this.#end = this.#metadataAt + Math.max(0, metadata - 1);
  }

  #readLength(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#heap[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  /** Number of a type; 0 if it has none. */
  #numberOf(type: string): number {
    const known = this.#typeNumbers.get(type);
    if (known !== undefined || this.#types.length > maxNumberedTypes) return known ?? 0;
    this.#typeNumbers.set(type, this.#types.length);
    this.#typeBytes.push(Buffer.byteLength(type));
    return this.#types.push(type) - 1;
  }

  /** A heap with room for this many bytes. */
  #heapFor(bytes: number): Buffer {
    const heap = this.#heaps.at(-1);
    // Locations beyond the maximum heap size cannot be addressed, so nothing follows a message that exceeds it.
    if (heap !== undefined && this.#heapUsed < maxHeapBytes && this.#heapUsed + bytes <= heap.length) return heap;
    const doubled = Math.min(maxHeapBytes, (heap?.length ?? firstHeapBytes / 2) * 2);
    const added = Buffer.allocUnsafeSlow(Math.max(doubled, bytes));
    const isEmpty = this.#recordBytes.at(-1) === 0;
    if (isEmpty) this.#drop(this.#heaps.length - 1);
    this.#heaps.push(added);
    this.#recordBytes.push(0);
    this.#allocated += added.length;
    this.#heapUsed = 0;
    return added;
  }
}

function writeLength(target: Buffer, at: number, length: number): number {
  while (length > 0x7f) {
    target[at++] = (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  target[at] = length;
  return at + 1;
}
