/** Decodes a chunked body (RFC 9112, 7.1) in pieces of any size. Throws on invalid framing. */
export class ChunkDecoder {
  /** Sizes of complete chunks, without the last chunk. */
  readonly sizes: number[] = [];
  /** Whether the last chunk has arrived, so that the body is complete. */
  isComplete = false;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the current chunk that were already returned. */
  #handedOut = 0;

  /** Takes raw bytes and returns the payload in them, including that of an incomplete chunk. */
  push(bytes: Uint8Array): Buffer {
    const payload: Buffer[] = [];
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    while (!this.isComplete && this.#take(payload));
    if (this.isComplete && this.#rest.length > 0) throw new Error(`bytes behind the last chunk: ${this.#rest}`);
    return Buffer.concat(payload);
  }

  /** Takes one chunk from the rest; returns false if it is incomplete. */
  #take(payload: Buffer[]): boolean {
    const lineEnd = this.#rest.indexOf('\r\n');
    if (lineEnd === -1) return false;
    const line = this.#rest.toString('latin1', 0, lineEnd);
    if (!/^[0-9a-f]{1,8}$/.test(line)) throw new Error(`not the size of a chunk: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    const start = lineEnd + 2;
    const end = start + size;
    payload.push(this.#rest.subarray(start + this.#handedOut, end));
    this.#handedOut = Math.min(size, Math.max(this.#handedOut, this.#rest.length - start));
    if (this.#rest.length < end + 2) return false;
    if (this.#rest.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk without its line end');
    if (size === 0) this.isComplete = true;
    else this.sizes.push(size);
    this.#rest = this.#rest.subarray(end + 2);
    this.#handedOut = 0;
    return true;
  }
}

/** The payload of complete chunks. */
export function dechunk(bytes: Uint8Array): Buffer {
  return new ChunkDecoder().push(bytes);
}

/** A text as one chunk. */
export function chunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16).padStart(3, '0')}\r\n${text}\r\n`);
}
