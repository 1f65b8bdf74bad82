import type { BufferLease } from '../pool/buffer-pool.ts';
import { lastChunk, payloadOf } from './frame.ts';

/** What a connection needs of a socket; `net.Socket` has it. */
export interface Sink {
  /** `taken` is called when the kernel has the bytes, with an error when it will never have them. */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean;
  /** Bytes handed over that the kernel has not taken. */
  readonly writableLength: number;
  /** Bytes handed over so far. */
  readonly bytesWritten: number;
  on(event: 'data' | 'end' | 'close', handler: () => void): unknown;
  on(event: 'error', handler: (error: Error) => void): unknown;
  /** Ends the stream behind what waits, then closes both ways. */
  destroySoon(): void;
  destroy(): unknown;
}

/** Told about the socket's life. */
export interface ConnectionEvents {
  /** After a `send` that returned false: the socket has taken everything. */
  drained(): void;
  /** The peer or we have closed; called once. */
  closed(): void;
}

/** How the body is delimited: by chunks, or only by the end of the connection, which is all that HTTP/1.0 has. */
export type Framing = 'chunked' | 'plain';

/** How an answer begins. */
export type Greeting = {
  readonly framing: Framing;
  /** Status line and headers, as bytes. */
  readonly head: Buffer;
  /** The first chunks. */
  readonly frames: Buffer;
};

const nothing = Buffer.alloc(0);

/**
 * One subscriber's socket, and the only door to it. Callers hand over whole chunks; a `plain` connection strips their
 * framing. At most one piece of bytes waits in the socket: after `open` or `send` returned false nothing may be sent until
 * `drained`.
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
    // The peer has nothing more to say after its request: what it sends, or that it ends, is the end.
    sink.on('data', () => sink.destroy());
    sink.on('end', () => sink.destroy());
    // `close` follows every error and tells the subscription.
    sink.on('error', () => sink.destroy());
    sink.on('close', () => {
      this.#letGo();
      events.closed();
    });
  }

  /** Bytes sent, those that wait in the socket included. */
  get bytesSent(): number {
    return this.#sink.bytesWritten - this.#bytesBefore;
  }

  /** Writes the head of the response and the first chunks at once, so that they leave in one packet. Answers as {@link send}. */
  open(head: Buffer, chunks: Buffer): boolean {
    return this.#write(Buffer.concat([head, this.#framed(chunks)]));
  }

  /**
   * Writes the chunks. True: the kernel has them, and the buffer may be reused. False: the socket is full and holds on
   * to the buffer (`lease` is retained until it does not); `drained` follows when it has taken all.
   *
   * The socket's own answer is true while less than its high-water mark waits, and false for a large piece that went
   * straight to the kernel. Neither tells when a pooled buffer is free; what waits does. For the same reason `drain`,
   * which follows only its false, is not asked: an empty write behind the waiting one calls back instead.
   */
  send(chunks: Buffer, lease?: BufferLease): boolean {
    return this.#write(this.#framed(chunks), lease);
  }

  /**
   * Ends the stream after what waits in it. `isFinal` completes the body by the last chunk, which tells clients not to come
   * back; without it they find the connection broken, and do.
   */
  end(isFinal: boolean): void {
    if (isFinal && this.#framing === 'chunked') this.#sink.write(lastChunk);
    this.#sink.destroySoon();
  }

  /** Drops the socket and what waits in it. */
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
      // After an error the socket closes, and until then it may hold the buffer.
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
