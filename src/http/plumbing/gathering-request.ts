import { IncomingMessage } from 'node:http';
import { GatheredBytes } from '../../message/gathered-bytes.ts';

/** Smallest chunk worth a separate buffer, which costs some 200 bytes. */
const largeBytes = 1_024;

/** Takes a body piece by piece. */
export type BodyTaker = {
  add(piece: Buffer): void;
  /** The body is complete. */
  end(): void;
  /** The rest of the body will not arrive. */
  fail(error: Error): void;
};

/**
 * A request whose body is passed on in few pieces. Node allocates a buffer for each chunk of a chunked body, and its
 * limit counts only their payload: one-byte chunks would fill 64 KiB of payload with 13 MiB of buffers.
 */
export class GatheringRequest extends IncomingMessage {
  #isBegun = false;
  /** Allocated for the first small chunk that follows another; most requests need none. */
  #held: GatheredBytes | undefined = undefined;
  #taker: BodyTaker | undefined = undefined;

  /**
   * Passes on what has arrived of the body, and then each chunk as the parser delivers it, without stream events, which
   * come turns later.
   */
  handTo(taker: BodyTaker): void {
    if (this.destroyed) return;
    if (this.#isBegun || this.complete) {
      // Arrived while the request waited for an earlier one, or for the check of its token.
      for (let piece = this.read() as Buffer | null; piece !== null; piece = this.read()) taker.add(piece);
      if (this.#held !== undefined && this.#held.length > 0) taker.add(this.#held.take());
      // Once started, the body must be read to the end; otherwise Node reads it after the answer was sent.
      this.resume();
    }
    if (this.complete) taker.end();
    else this.#taker = taker;
  }

  /** Called by Node's parser with each chunk, and with null at the end. Returns whether there is room for more. */
  override push(chunk: Buffer | null): boolean {
    if (this.#taker !== undefined) return this.#handOver(this.#taker, chunk);
    // Most bodies are a single piece, which must not be delayed.
    if (chunk !== null && this.#isBegun && chunk.length < largeBytes) return this.#hold(chunk);
    this.#isBegun = true;
    this.#handOn();
    return super.push(chunk);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const taker = this.#taker;
    this.#taker = undefined;
    if (taker !== undefined && error !== null) process.nextTick(() => taker.fail(error));
    super._destroy(error, callback);
  }

  #handOver(taker: BodyTaker, chunk: Buffer | null): boolean {
    if (chunk !== null) {
      taker.add(chunk);
      return true;
    }
    this.#taker = undefined;
    super.push(null);
    taker.end();
    return false;
  }

  #hold(chunk: Buffer): boolean {
    this.#held ??= new GatheredBytes();
    // The parser drains microtasks after each chunk, so only a later turn finds several.
    if (this.#held.length === 0) setImmediate(() => this.#handOn());
    this.#held.add(chunk);
    return this.readableLength + this.#held.length < this.readableHighWaterMark;
  }

  #handOn(): void {
    if (this.#held !== undefined && this.#held.length > 0) super.push(this.#held.take());
  }
}
