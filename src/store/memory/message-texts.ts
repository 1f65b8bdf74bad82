import { packedIdBytes, packId, unpackId } from '../shared/packed-id.ts';
import type { RowText } from '../shared/row-text.ts';

const firstHeapBytes = 4_096;
const maxHeapBytes = 1_048_576;
const heapMask = maxHeapBytes - 1;
/** So many types are kept once and have a number; others lie with their messages. */
const maxNumberedTypes = 1_024;
const maxLengthBytes = 5;
const maxHeaderBytes = 5 * maxLengthBytes;

const packed = Buffer.alloc(packedIdBytes);

/**
 * Text of messages, one record behind the other in heaps of at most 1 MiB (or one message), outside the JavaScript heap.
 * A record begins with its lengths: bytes of the id, 0 for a packed UUID; number of the type, or 0 and its bytes; bytes of
 * the data; bytes of the metadata plus one, or 0 for null. Each takes a byte for every seven bits.
 */
export class MessageTexts {
  readonly #heaps: Buffer[] = [];
  #heapUsed = 0;
  readonly #types = [''];
  readonly #typeNumbers = new Map<string, number>();
  /** Place of the record whose parts follow, the last one asked for. */
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

  /** Adds a record and returns its place. */
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
    return (this.#heaps.length - 1) * maxHeapBytes + start;
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

  /** The number of a type; 0: it has none. */
  #numberOf(type: string): number {
    const known = this.#typeNumbers.get(type);
    if (known !== undefined || this.#types.length > maxNumberedTypes) return known ?? 0;
    this.#typeNumbers.set(type, this.#types.length);
    return this.#types.push(type) - 1;
  }

  /** The heap that has room for so many bytes. */
  #heapFor(bytes: number): Buffer {
    const heap = this.#heaps.at(-1);
    // Behind a message that is longer than a heap nothing begins: its place could not be told.
    if (heap !== undefined && this.#heapUsed < maxHeapBytes && this.#heapUsed + bytes <= heap.length) return heap;
    const doubled = Math.min(maxHeapBytes, (heap?.length ?? firstHeapBytes / 2) * 2);
    const added = Buffer.allocUnsafeSlow(Math.max(doubled, bytes));
    this.#heaps.push(added);
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
