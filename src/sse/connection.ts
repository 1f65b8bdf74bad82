import type { BufferLease } from '../pool/buffer-pool.ts';

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

const nothing = Buffer.alloc(0);

/**
 * One subscriber's socket, and the only door to it. At most one piece of bytes waits in it: after `send` returned false
 * nothing may be sent until `drained`.
 */
export class Connection {
  readonly #sink: Sink;
  readonly #events: ConnectionEvents;
  readonly #bytesBefore: number;
  #held: BufferLease | undefined = undefined;

  constructor(sink: Sink, events: ConnectionEvents) {
    this.#sink = sink;
    this.#events = events;
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

  /**
   * Writes the bytes. True: the kernel has them, and the buffer may be reused. False: the socket is full and holds on
   * to the buffer (`lease` is retained until it does not); `drained` follows when it has taken all.
   *
   * The socket's own answer is true while less than its high-water mark waits, and false for a large piece that went
   * straight to the kernel. Neither tells when a pooled buffer is free; what waits does. For the same reason `drain`,
   * which follows only its false, is not asked: an empty write behind the waiting one calls back instead.
   */
  send(bytes: Uint8Array, lease?: BufferLease): boolean {
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

  /** Ends the stream after what waits in it. */
  end(): void {
    this.#sink.destroySoon();
  }

  /** Drops the socket and what waits in it. */
  destroy(): void {
    this.#sink.destroy();
  }

  #letGo(): void {
    this.#held?.release();
    this.#held = undefined;
  }
}
