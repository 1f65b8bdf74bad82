import type { Transcript } from './transcript.ts';

const newline = 0x0a;
const colon = 0x3a;
const letterR = 0x72;

/** Microseconds of the monotonic clock, the same in every process of the machine. */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}

/**
 * Reads one connection's event stream, in whatever pieces it comes, against the transcript of its group. Comments and
 * `retry` are passed over; they differ from one connection to the next.
 */
export class EventReader {
  readonly transcript: Transcript;
  /** Whole frames so far. */
  frames = 0;
  /** Why this connection is wrong; it is not read on then. */
  problem: string | undefined = undefined;
  #offset = 0;
  #frameStart = 0;
  #skipping = false;
  #skippedNewline = false;

  constructor(transcript: Transcript) {
    this.transcript = transcript;
  }

  /** Takes the bytes from `start` to `end`, which may be overwritten afterwards. */
  push(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && this.problem === undefined) {
      if (this.#skipping) at = this.#skip(bytes, at, end);
      else if (this.#offset === this.#frameStart && (bytes[at] === colon || bytes[at] === letterR)) {
        this.#skipping = true;
        this.#skippedNewline = false;
      } else at = this.#follow(bytes, at, end);
    }
  }

  #skip(bytes: Buffer, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const isNewline = bytes[at] === newline;
      if (isNewline && this.#skippedNewline) {
        this.#skipping = false;
        return at + 1;
      }
      this.#skippedNewline = isNewline;
    }
    return end;
  }

  #follow(bytes: Buffer, at: number, end: number): number {
    const { transcript } = this;
    const length = Math.min(transcript.end - this.#offset, end - at);
    if (length === 0) {
      const taken = transcript.extend(bytes, at, end);
      this.#offset = transcript.end;
      this.#countFrames();
      return taken;
    }
    const same = bytes.compare(transcript.bytes, this.#offset, this.#offset + length, at, at + length) === 0;
    const matching = same ? length : this.#matching(bytes, at, length);
    this.#offset += matching;
    this.#countFrames();
    // A comment between two frames differs at its first byte, which the next round passes over.
    if (!same && (this.#offset !== this.#frameStart || (bytes[at + matching] ?? 0) !== colon)) {
      const text = bytes.toString('latin1', at + matching, Math.min(end, at + matching + 80));
      this.problem = `frame ${this.frames} differs from what others were told: ${JSON.stringify(text)}`;
    }
    return at + matching;
  }

  #matching(bytes: Buffer, at: number, length: number): number {
    let matching = 0;
    while (matching < length && bytes[at + matching] === this.transcript.bytes[this.#offset + matching]) matching++;
    return matching;
  }

  #countFrames(): void {
    const { transcript } = this;
    while (this.frames < transcript.frames && transcript.frameEnds[this.frames]! <= this.#offset) {
      this.#frameStart = transcript.frameEnds[this.frames]!;
      const heard = ++transcript.heard[this.frames]!;
      if (heard === transcript.readers) transcript.completedAtUs[this.frames] = nowUs();
      this.frames++;
    }
  }
}
