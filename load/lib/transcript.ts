const firstBytes = 65_536;
const firstFrames = 1_024;
const newline = 0x0a;
const hyphen = 0x2d;
/** Length of the log's tag after the position in an id. */
const tagBytes = 12;

/** How ids follow each other: consecutive, or increasing with gaps. */
export type IdOrder = 'consecutive' | 'rising';

/**
 * The expected bytes for subscribers with the same selection. The reader furthest ahead extends it: every frame it adds
 * is parsed and its id checked. All others only compare their bytes, so content and order of each delivery are checked
 * at the cost of a `memcmp`.
 */
export class Transcript {
  /** Number of connections that read it. */
  readers = 0;
  /** Index after each complete frame. */
  frameEnds = new Uint32Array(firstFrames);
  /** Number of connections that have each frame. */
  heard = new Uint32Array(firstFrames);
  /** When the last connection got each frame, microseconds of the monotonic clock; 0: not yet. */
  completedAtUs = new Float64Array(firstFrames);
  /** Number of complete frames. */
  frames = 0;
  bytes: Buffer = Buffer.allocUnsafe(firstBytes);
  /** Bytes written, including an incomplete frame. */
  end = 0;
  readonly problems: string[] = [];
  readonly #order: IdOrder;
  #scanned = 0;
  #lastId = -1;

  constructor(order: IdOrder) {
    this.#order = order;
  }

  /** Adds the rest of at most one frame, from `from` on; returns the index after the bytes taken. */
  extend(source: Buffer, from: number, to: number): number {
    const frameEnd = this.#endOfFrame(source, from, to);
    const until = frameEnd === -1 ? to : frameEnd;
    this.#reserve(until - from);
    source.copy(this.bytes, this.end, from, until);
    this.end += until - from;
    if (frameEnd !== -1) this.#addFrame();
    return until;
  }

  /** Index after the blank line that ends the current frame, or -1 if it is not in these bytes. */
  #endOfFrame(source: Buffer, from: number, to: number): number {
    const start = this.frames === 0 ? 0 : this.frameEnds[this.frames - 1]!;
    if (this.end > start && this.bytes[this.end - 1] === newline && source[from] === newline) return from + 1;
    // Frames are short, so a loop finds the end sooner than a native call.
    for (let at = from + 1; at < to; at++) if (source[at] === newline && source[at - 1] === newline) return at + 1;
    return -1;
  }

  #addFrame(): void {
    const id = lastLineId(this.bytes, this.end) ?? idOf(this.bytes.toString('latin1', this.#scanned, this.end));
    const start = this.#scanned;
    this.#scanned = this.end;
    if (Number.isNaN(id)) this.#report(`a frame without an id: ${this.bytes.toString('latin1', start, this.end)}`);
    else if (id <= this.#lastId) this.#report(`id ${id} came behind ${this.#lastId}`);
    else if (this.#order === 'consecutive' && this.#lastId !== -1 && id !== this.#lastId + 1) {
      this.#report(`id ${id} came behind ${this.#lastId}: ${id - this.#lastId - 1} are missing`);
    }
    this.#lastId = id;
    if (this.frames === this.frameEnds.length) this.#growFrames();
    this.frameEnds[this.frames++] = this.end;
  }

  #report(problem: string): void {
    if (this.problems.length < 20) this.problems.push(problem);
  }

  #reserve(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + length));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }

  #growFrames(): void {
    const length = this.frames * 2;
    const grow = <T extends Uint32Array | Float64Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    this.frameEnds = grow(this.frameEnds, new Uint32Array(length));
    this.heard = grow(this.heard, new Uint32Array(length));
    this.completedAtUs = grow(this.completedAtUs, new Float64Array(length));
  }
}

// The id in the last line (`id: 123` or `id: 123-7f9c2ba4e88f`), read backwards; undefined if the frame ends otherwise.
function lastLineId(bytes: Buffer, end: number): number | undefined {
  let id = 0;
  const digitsEnd = bytes[end - 3 - tagBytes] === hyphen ? end - 3 - tagBytes : end - 2;
  let at = digitsEnd - 1;
  for (let place = 1; bytes[at]! >= 0x30 && bytes[at]! <= 0x39; at--, place *= 10) id += (bytes[at]! - 0x30) * place;
  const isId = bytes[at] === 0x20 && bytes[at - 1] === 0x3a && bytes[at - 2] === 0x64 && bytes[at - 3] === 0x69;
  return isId && bytes[at - 4] === newline && at < digitsEnd - 1 ? id : undefined;
}

// Most servers number their events, Pokewire adds the log after the number; nchan's ids are `seconds:count`.
function idOf(frame: string): number {
  const found = /^id: ?(\d+)(?::(\d+)|-[0-9a-f]+)?$/m.exec(frame);
  if (found === null) return Number.NaN;
  return found[2] === undefined ? Number(found[1]) : Number(found[1]) * 1_000_000 + Number(found[2]);
}
