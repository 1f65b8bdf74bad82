import { GatheredBytes } from './gathered-bytes.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Splits bytes that arrive in pieces into lines that end with LF or CRLF. The last line need not end with either. */
export class LineSplitter {
  /** Whether a line was too long. That line and everything after it are dropped. */
  isTooLong = false;
  readonly #maxBytes: number;
  readonly #held = new GatheredBytes();

  /** `maxBytes`: longest line, without its line ending. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Returns the lines that end in this piece, without line endings. They are views of the piece, which must not change
   * while they are used.
   */
  push(piece: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    for (let from = 0; !this.isTooLong && from < piece.length; ) {
      const feed = piece.indexOf(lineFeed, from);
      const end = feed === -1 ? piece.length : feed;
      this.#hold(piece.subarray(from, end));
      if (feed !== -1 && !this.isTooLong) lines.push(this.#release());
      from = end + 1;
    }
    return lines;
  }

  /** Returns the last line if it had no line ending. */
  end(): Buffer[] {
    return this.#held.length === 0 || this.isTooLong ? [] : [this.#release()];
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return;
    this.#held.add(part);
    // A trailing carriage return may turn out to be part of the line ending.
    const allowed = part.at(-1) === carriageReturn ? this.#maxBytes + 1 : this.#maxBytes;
    this.isTooLong = this.#held.length > allowed;
  }

  #release(): Buffer {
    const line = this.#held.take();
    return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  }
}
