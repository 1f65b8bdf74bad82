import type { Sink } from '../../src/sse/connection.ts';
import { dechunk } from './chunks.ts';
import { EventStreamParser, type ReceivedPoke } from './sse-client.ts';

type Write = { readonly bytes: Uint8Array; readonly taken: ((error?: Error | null) => void) | undefined; at: number };

type FakeEvent = 'data' | 'end' | 'close' | 'error';

/**
 * A socket that behaves like Node's, with a kernel buffer whose free space the test controls. Data that does not fit
 * stays in the memory it was written from until it is accepted, so a buffer that is reused too early is visible in the
 * bytes.
 */
export class FakeSink implements Sink {
  bytesWritten = 0;
  writableLength = 0;
  /** Non-empty writes while an earlier one was pending. A connection never does that. */
  writesWhileFull = 0;
  /** Number of non-empty writes. */
  writes = 0;
  destroyed = false;
  /** Result of `write` while bytes are pending; Node returns true below the high-water mark. */
  answerWhenFull = true;
  /** Result of `write` when nothing is pending; Node returns false for a write above the high-water mark. */
  answerWhenTaken = true;
  #room: number;
  #taken: Uint8Array[] = [];
  readonly #waiting: Write[] = [];
  #ending = false;
  readonly #handlers: Record<FakeEvent, ((error: Error) => void)[]> = {
    data: [],
    end: [],
    close: [],
    error: [],
  };

  /** `room`: bytes that the kernel takes before the peer reads; infinite by default. */
  constructor(room = Number.POSITIVE_INFINITY) {
    this.#room = room;
  }

  /** Bytes taken by the kernel, each copied at that moment. */
  get received(): Buffer {
    this.#taken = [Buffer.concat(this.#taken)];
    return this.#taken[0] as Buffer;
  }

  /** `received` without its chunk framing. */
  get body(): Buffer {
    return dechunk(this.received);
  }

  /** `body` as an event stream. */
  get stream(): EventStreamParser {
    const parser = new EventStreamParser();
    parser.push(this.body);
    return parser;
  }

  /** The pokes in `received`. */
  get pokes(): ReceivedPoke[] {
    return this.stream.events
      .filter(({ type }) => type === 'poke')
      .map(({ data, lastEventId }) => ({ ...JSON.parse(data), id: lastEventId }));
  }

  /** Global positions of the pokes in `received`. */
  get positions(): number[] {
    return this.pokes.map(({ globalPosition }) => globalPosition);
  }

  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean {
    if (this.destroyed || this.#ending) {
      process.nextTick(() => taken?.(new Error('write after end')));
      return false;
    }
    if (bytes.length > 0) {
      this.writes++;
      if (this.#waiting.length > 0) this.writesWhileFull++;
    }
    this.bytesWritten += bytes.length;
    this.writableLength += bytes.length;
    this.#waiting.push({ bytes, taken, at: 0 });
    this.#take((write) => process.nextTick(() => write.taken?.(null)));
    return this.writableLength === 0 ? this.answerWhenTaken : this.answerWhenFull;
  }

  on(event: 'data' | 'end' | 'close', handler: () => void): this;
  on(event: 'error', handler: (error: Error) => void): this;
  on(event: FakeEvent, handler: (error: Error) => void): this {
    this.#handlers[event].push(handler);
    return this;
  }

  destroySoon(): void {
    this.#ending = true;
    if (this.#waiting.length === 0) this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    process.nextTick(() => {
      for (const { taken } of this.#waiting.splice(0)) taken?.(new Error('destroyed'));
      this.writableLength = 0;
      this.#emit('close');
    });
  }

  /** The peer reads: the kernel has room for this many more bytes. */
  drain(bytes = Number.POSITIVE_INFINITY): void {
    if (this.destroyed) return;
    this.#room += bytes;
    this.#take((write) => write.taken?.(null));
    if (this.#ending && this.#waiting.length === 0) this.destroy();
  }

  /** The kernel takes nothing until the next {@link FakeSink.drain}. */
  stall(): void {
    this.#room = 0;
  }

  /** The peer sends something. */
  say(): void {
    this.#emit('data');
  }

  /** The peer closes normally. */
  hangUp(): void {
    this.#emit('end');
  }

  /** The connection breaks. */
  fail(error: Error): void {
    this.#emit('error', error);
  }

  #emit(event: FakeEvent, error = new Error('none')): void {
    for (const handler of this.#handlers[event]) handler(error);
  }

  #take(done: (write: Write) => void): void {
    for (;;) {
      const write = this.#waiting[0];
      if (write === undefined) return;
      const count = Math.min(this.#room, write.bytes.length - write.at);
      if (count > 0) this.#taken.push(Buffer.from(write.bytes.subarray(write.at, write.at + count)));
      write.at += count;
      this.#room -= count;
      if (write.at < write.bytes.length) return;
      this.#waiting.shift();
      this.writableLength -= write.bytes.length;
      done(write);
    }
  }
}
