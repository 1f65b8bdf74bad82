import { GatheredBytes } from './gathered-bytes.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Splits bytes that come in pieces into lines, which end with LF or CRLF, the last one perhaps with nothing. */
export class LineSplitter {
  /** Whether a line is longer than it may be; it is not given, and nothing behind it. */
  isTooLong = false;
  readonly #maxBytes: number;
  readonly #held = new GatheredBytes();

  /** Lines may be `maxBytes` long, without their end. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in this piece, without their ends. They are views of it: it must not change while they are used. */
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

  /** The last line, when no end followed it. */
  end(): Buffer[] {
    return this.#held.length === 0 || this.isTooLong ? [] : [this.#release()];
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return;
    this.#held.add(part);
    // A carriage return may still turn out to be part of the end.
    const allowed = part.at(-1) === carriageReturn ? this.#maxBytes + 1 : this.#maxBytes;
    this.isTooLong = this.#held.length > allowed;
  }

  #release(): Buffer {
    const line = this.#held.take();
    return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  }
}
