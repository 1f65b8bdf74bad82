const leastBytes = 1_024;

/**
 * Concatenates bytes that arrive in pieces. However small the pieces, memory stays below twice the number of bytes; one
 * buffer per piece would take 200 bytes for a piece of one.
 */
export class GatheredBytes {
  /** Number of bytes collected. */
  length = 0;
  #bytes: Buffer | undefined = undefined;

  /** Takes ownership of a piece. A single piece is not copied, so it must not change before `take`. */
  add(piece: Buffer): void {
    if (this.#bytes === undefined) this.#bytes = piece;
    else this.#append(this.#bytes, piece);
    this.length += piece.length;
  }

  /** Returns the collected bytes and starts over. */
  take(): Buffer {
    const bytes = this.#bytes?.subarray(0, this.length) ?? Buffer.alloc(0);
    this.#bytes = undefined;
    this.length = 0;
    return bytes;
  }

  #append(bytes: Buffer, piece: Buffer): void {
    const needed = this.length + piece.length;
    // A piece received from the caller is always full, so it is never written to.
    if (needed <= bytes.length) {
      piece.copy(bytes, this.length);
      return;
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(leastBytes, needed, 2 * this.length));
    bytes.copy(grown, 0, 0, this.length);
    piece.copy(grown, this.length);
    this.#bytes = grown;
  }
}
