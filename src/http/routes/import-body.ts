import type { IncomingMessage } from 'node:http';
import { LineSplitter } from '../../message/line-splitter.ts';

const leastLineBytes = 1_048_576;

/** What a record has beside the message that was appended: its stream, its positions, its time. */
const recordBytes = 16_384;

/** How large the body of an import and its lines may be. */
export type ImportBodyLimits = {
  /** Largest body of an append; whatever was appended can be imported. */
  readonly bodyLimitBytes: number;
  /** Largest body of an import; 0: no limit. */
  readonly importLimitBytes: number;
};

/** The lines of a body, piece by piece. */
export class ImportBody {
  /** Why it could not be read to its end. */
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

  /** Ends the reading, wherever it is. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer[]> {
    const splitter = new LineSplitter(this.#maxLineBytes);
    // The socket is still needed for the answer when the rest of the body is not.
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
      // A piece that is still waited for is waited for here, and by nobody else.
      void pieces.return!().then(
        () => this.#raw.resume(),
        () => {},
      );
    }
  }

  /** The next piece; undefined at the end, and once it is stopped. */
  async #next(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
    if (this.#stopped) return undefined;
    const stopped = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined);
    });
    const piece = await Promise.race([pieces.next(), stopped]);
    return piece === undefined || piece.done ? undefined : piece.value;
  }
}
