import { IncomingMessage } from 'node:http';
import { GatheredBytes } from '../../message/gathered-bytes.ts';

/** A chunk of at least so many bytes is worth a buffer of its own, whose own size is some 200 bytes. */
const largeBytes = 1_024;

/** Takes a body piece by piece. */
export type BodyTaker = {
  add(piece: Buffer): void;
  /** All of it was added. */
  end(): void;
  /** The rest does not come. */
  fail(error: Error): void;
};

/**
 * A request whose body is handed on in few pieces. Node makes a buffer for each chunk of a chunked body, and counts what waits
 * to be read by payload alone: one-byte chunks would fill its 64 KiB with 13 MiB of buffers.
 */
export class GatheringRequest extends IncomingMessage {
  #isBegun = false;
  /** Made for the first small chunk that follows another one; most requests have none. */
  #held: GatheredBytes | undefined = undefined;
  #taker: BodyTaker | undefined = undefined;

  /**
   * Hands on what has arrived of the body, and then each chunk as soon as the parser has it, without the events of a stream,
   * which come turns later.
   */
  handTo(taker: BodyTaker): void {
    if (this.destroyed) return;
    if (this.#isBegun || this.complete) {
      // It waited behind another request, or for the check of its token.
      for (let piece = this.read() as Buffer | null; piece !== null; piece = this.read()) taker.add(piece);
      if (this.#held !== undefined && this.#held.length > 0) taker.add(this.#held.take());
      // Who has read is to read on to the end; otherwise Node does, once the answer has left.
      this.resume();
    }
    if (this.complete) taker.end();
    else this.#taker = taker;
  }

  /** Called by Node's parser with each chunk, and with null at the end. Returns whether there is room for more. */
  override push(chunk: Buffer | null): boolean {
    if (this.#taker !== undefined) return this.#handOver(this.#taker, chunk);
    // Most bodies are a single piece, which is not to wait.
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
    // The parser drains microtasks behind each chunk, so only a later turn finds several.
    if (this.#held.length === 0) setImmediate(() => this.#handOn());
    this.#held.add(chunk);
    return this.readableLength + this.#held.length < this.readableHighWaterMark;
  }

  #handOn(): void {
    if (this.#held !== undefined && this.#held.length > 0) super.push(this.#held.take());
  }
}
