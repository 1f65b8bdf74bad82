import type { BufferLease } from '../pool/buffer-pool.ts';
import { lastChunk, payloadOf } from './frame.ts';

/** The functions of a socket that a connection uses; `net.Socket` implements them. */
export interface Sink {
  /** `taken` is called when the kernel has accepted the bytes, or with an error if it never will. */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean;
  /** Bytes written that the kernel has not accepted yet. */
  readonly writableLength: number;
  /** Bytes written so far. */
  readonly bytesWritten: number;
  on(event: 'data' | 'end' | 'close', handler: () => void): unknown;
  on(event: 'error', handler: (error: Error) => void): unknown;
  /** Ends the stream after the pending bytes, then closes both directions. */
  destroySoon(): void;
  destroy(): unknown;
}

/** Notifications about the socket. */
export interface ConnectionEvents {
  /** After a `send` that returned false: the socket has drained. */
  drained(): void;
  /** The peer or the server has closed the socket; called once. */
  closed(): void;
}

/** How the body is delimited: by chunks, or only by the end of the connection, as HTTP/1.0 requires. */
export type Framing = 'chunked' | 'plain';

/** How a response starts. */
export type Greeting = {
  readonly framing: Framing;
  /** Status line and headers, as bytes. */
  readonly head: Buffer;
  /** The first chunks. */
  readonly frames: Buffer;
};

const nothing = Buffer.alloc(0);

/**
 * One subscriber's socket; nothing else writes to it. Callers pass whole chunks; a `plain` connection removes the chunk
 * framing. At most one write is pending: after `open` or `send` returned false, nothing may be sent until `drained`.
 */
export class Connection {
  readonly #sink: Sink;
  readonly #events: ConnectionEvents;
  readonly #framing: Framing;
  readonly #bytesBefore: number;
  #held: BufferLease | undefined = undefined;

  constructor(sink: Sink, events: ConnectionEvents, framing: Framing) {
    this.#sink = sink;
    this.#events = events;
    this.#framing = framing;
    this.#bytesBefore = sink.bytesWritten;
    // The peer must not send anything after its request, so any further data closes the connection.
    sink.on('data', () => sink.destroy());
    sink.on('end', () => sink.destroy());
    // `close` follows every error and notifies the subscription.
    sink.on('error', () => sink.destroy());
    sink.on('close', () => {
      this.#letGo();
      events.closed();
    });
  }

  /** Bytes sent, including those pending in the socket. */
  get bytesSent(): number {
    return this.#sink.bytesWritten - this.#bytesBefore;
  }

  /** Writes the response head and the first chunks together, so that they leave in one packet. Returns like {@link send}. */
  open(head: Buffer, chunks: Buffer): boolean {
    return this.#write(Buffer.concat([head, this.#framed(chunks)]));
  }

  /**
   * Writes the chunks. True: the kernel has them, and the buffer may be reused. False: the socket is full and holds the
   * buffer (`lease` stays retained until it is free); `drained` follows once everything was taken.
   * The return value of the socket's own `write` does not say when a pooled buffer is free: it is true while less than
   * the high-water mark is pending, and false for a large write that went straight to the kernel. The number of pending
   * bytes does. `drain` follows only a false from `write`, so it is not used either: an empty write after the pending
   * one calls back instead.
   */
  send(chunks: Buffer, lease?: BufferLease): boolean {
    return this.#write(this.#framed(chunks), lease);
  }

  /**
   * Ends the stream after its pending bytes. `isFinal` sends the last chunk, which completes the body and tells clients
   * not to reconnect. Without it they see a broken connection and reconnect.
   */
  end(isFinal: boolean): void {
    if (isFinal && this.#framing === 'chunked') this.#sink.write(lastChunk);
    this.#sink.destroySoon();
  }

  /** Closes the socket and drops its pending bytes. */
  destroy(): void {
    this.#sink.destroy();
  }

  #framed(chunks: Buffer): Buffer {
    return this.#framing === 'chunked' ? chunks : payloadOf(chunks);
  }

  #write(bytes: Buffer, lease?: BufferLease): boolean {
    this.#sink.write(bytes);
    if (this.#sink.writableLength === 0) return true;
    lease?.retain();
    this.#held = lease;
    this.#sink.write(nothing, (error) => {
      // After an error the socket closes, and may hold the buffer until then.
      if (error !== undefined && error !== null) return;
      this.#letGo();
      this.#events.drained();
    });
    return false;
  }

  #letGo(): void {
    this.#held?.release();
    this.#held = undefined;
  }
}
