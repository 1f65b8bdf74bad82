import { IncomingMessage } from 'node:http';
import { GatheredBytes } from '../../message/gathered-bytes.ts';

/** A chunk of at least so many bytes is worth a buffer of its own, whose own size is some 200 bytes. */
const largeBytes = 1_024;

/**
 * A request whose body is handed on in few pieces. Node makes a buffer for each chunk of a chunked body, and counts what waits
 * to be read by payload alone: one-byte chunks would fill its 64 KiB with 13 MiB of buffers.
 */
export class GatheringRequest extends IncomingMessage {
  #isBegun = false;
  /** Made for the first small chunk that follows another one; most requests have none. */
  #held: GatheredBytes | undefined = undefined;

  /** Called by Node's parser with each chunk, and with null at the end. Returns whether there is room for more. */
  override push(chunk: Buffer | null): boolean {
    // Most bodies are a single piece, which is not to wait.
    if (chunk !== null && this.#isBegun && chunk.length < largeBytes) return this.#hold(chunk);
    this.#isBegun = true;
    this.#handOn();
    return super.push(chunk);
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
