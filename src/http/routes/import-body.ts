import type { IncomingMessage } from 'node:http';
import { LineSplitter } from '../../message/line-splitter.ts';

const leastLineBytes = 1_048_576;

/** Bytes of a record in addition to its message: stream, positions, time. */
const recordBytes = 16_384;

/** Size limits of an import's body and lines. */
export type ImportBodyLimits = {
  /** Largest body of an append. Everything appended can be imported. */
  readonly bodyLimitBytes: number;
  /** Largest body of an import; 0: no limit. */
  readonly importLimitBytes: number;
};

/** The lines of a body, read piece by piece. */
export class ImportBody {
  /** Why it could not be read completely. */
  problem: string | undefined = undefined;
  #stopped = false;
  #wake = (): void => {};
  readonly #raw: IncomingMessage;
  readonly #maxBytes: number;
  readonly #maxLineBytes: number;

  constructor(raw: IncomingMessage, { bodyLimitBytes, importLimitBytes }: ImportBodyLimits) {
    this.#raw = raw;
    this.#maxBytes = importLimitBytes;
    this.#maxLineBytes = Math.max(leastLineBytes, bodyLimitBytes) + recordBytes;
  }

  /** Stops reading. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer[]> {
    const splitter = new LineSplitter(this.#maxLineBytes);
    // The socket is still needed for the answer, even if the rest of the body is not.
    const pieces = this.#raw.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
    let bytes = 0;
    try {
      for (let piece = await this.#next(pieces); piece !== undefined; piece = await this.#next(pieces)) {
        bytes += piece.length;
        if (this.#maxBytes > 0 && bytes > this.#maxBytes) {
          this.problem = `The body exceeds the size limit of ${this.#maxBytes} bytes.`;
          return;
        }
        yield splitter.push(piece);
        if (splitter.isTooLong) {
          this.problem = `The line exceeds the size limit of ${this.#maxLineBytes} bytes.`;
          return;
        }
      }
      if (!this.#stopped) yield splitter.end();
    } catch {
      this.problem = 'The body ended early.';
    } finally {
      // Cancels the wait for a pending piece, which would otherwise never end.
      void pieces.return!().then(
        () => this.#raw.resume(),
        () => {},
      );
    }
  }

  /** The next piece; undefined at the end or once stopped. */
  async #next(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
    if (this.#stopped) return undefined;
    const stopped = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined);
    });
    const piece = await Promise.race([pieces.next(), stopped]);
    return piece === undefined || piece.done ? undefined : piece.value;
  }
}
