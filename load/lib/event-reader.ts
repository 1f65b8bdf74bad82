import type { Transcript } from './transcript.ts';

const newline = 0x0a;
const colon = 0x3a;
const letterR = 0x72;

/** Microseconds of the monotonic clock, which all processes of the machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}

/**
 * Compares one connection's event stream, in pieces of any size, with the transcript of its group. Skips comments and
 * `retry`, which differ between connections.
 */
export class EventReader {
  readonly transcript: Transcript;
  /** Number of complete frames. */
  frames = 0;
  /** The error on this connection; it is not read any further then. */
  problem: string | undefined = undefined;
  #offset = 0;
  #frameStart = 0;
  #skipping = false;

  constructor(transcript: Transcript) {
    this.transcript = transcript;
  }

  /** Takes the bytes from `start` to `end`, which may be overwritten afterwards. */
  push(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && this.problem === undefined) {
      if (this.#skipping) at = this.#skip(bytes, at, end);
      else if (this.#offset === this.#frameStart && isPassedOver(bytes[at]!)) this.#skipping = true;
      else at = this.#follow(bytes, at, end);
    }
  }

  /** Skips the rest of a line. */
  #skip(bytes: Buffer, from: number, end: number): number {
    const lineEnd = bytes.indexOf(newline, from);
    if (lineEnd === -1 || lineEnd >= end) return end;
    this.#skipping = false;
    return lineEnd + 1;
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
    // A comment between two frames differs at its first byte, and the next iteration skips it.
    if (!same && (this.#offset !== this.#frameStart || !isPassedOver(bytes[at + matching] ?? 0))) {
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

/** Whether a line between two frames that starts with this byte is a comment, `retry`, or the blank line after one. */
function isPassedOver(byte: number): boolean {
  return byte === colon || byte === letterR || byte === newline;
}
