const leastBytes = 1_024;

/**
 * Bytes that come in pieces, put together. However they are cut, they take at most twice their number: a buffer for each
 * piece would take 200 bytes for a piece of one.
 */
export class GatheredBytes {
  /** Bytes gathered. */
  length = 0;
  #bytes: Buffer | undefined = undefined;

  /** Takes a piece over. A single one is not copied, so it must not change until it was taken. */
  add(piece: Buffer): void {
    if (this.#bytes === undefined) this.#bytes = piece;
    else this.#append(this.#bytes, piece);
    this.length += piece.length;
  }

  /** Returns the gathered bytes and starts over. */
  take(): Buffer {
    const bytes = this.#bytes?.subarray(0, this.length) ?? Buffer.alloc(0);
    this.#bytes = undefined;
    this.length = 0;
    return bytes;
  }

  #append(bytes: Buffer, piece: Buffer): void {
    const needed = this.length + piece.length;
    // A piece that was taken over is full, so it is never written to.
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
