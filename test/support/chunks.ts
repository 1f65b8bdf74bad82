/** Decodes a chunked body (RFC 9112, 7.1) in pieces of any size. Throws on what no chunked body can hold. */
export class ChunkDecoder {
  /** Payload bytes of the chunks that have come whole, the last chunk not included. */
  readonly sizes: number[] = [];
  /** Whether the last chunk has come: the body is complete. */
  isComplete = false;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the chunk under way that were handed out already. */
  #handedOut = 0;

  /** Takes raw bytes and returns the payload in them, also that of a chunk that has come in part. */
  push(bytes: Uint8Array): Buffer {
    const payload: Buffer[] = [];
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    while (!this.isComplete && this.#take(payload));
    if (this.isComplete && this.#rest.length > 0) throw new Error(`bytes behind the last chunk: ${this.#rest}`);
    return Buffer.concat(payload);
  }

  /** Takes one chunk out of the rest; false: it is not whole yet. */
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

/** The payload of whole chunks. */
export function dechunk(bytes: Uint8Array): Buffer {
  return new ChunkDecoder().push(bytes);
}

/** Text as one chunk, as a server would send it. */
export function chunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16).padStart(3, '0')}\r\n${text}\r\n`);
}
