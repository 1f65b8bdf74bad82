import type { Socket } from 'node:net';
import { dial } from './dial.ts';
import { EventReader } from './event-reader.ts';
import { ResponseReader } from './response-reader.ts';
import type { Transcript } from './transcript.ts';

/** Bytes per read. All sockets of the process share the buffer, because each read is processed before the next. */
const shared = Buffer.allocUnsafeSlow(262_144);

/** One subscriber: a raw socket, read without streams. */
export class Subscriber {
  readonly events: EventReader;
  /** Bytes read, including the response head. */
  bytes = 0;
  closed = false;
  readonly #response: ResponseReader;
  readonly #socket: Socket;

  /** Connects and requests `path`. `ready` is called once, with the status (0: the connection failed). */
  constructor(port: number, path: string, transcript: Transcript, ready: (status: number) => void) {
    this.events = new EventReader(transcript);
    this.#response = new ResponseReader((bytes, start, end) => this.events.push(bytes, start, end));
    let waiting = true;
    const settle = () => {
      if (!waiting) return;
      waiting = false;
      ready(this.#response.status);
    };
    this.#socket = dial(port, shared, (length) => {
      this.bytes += length;
      this.#response.push(shared, 0, length);
      if (waiting && this.#response.status !== 0) settle();
    });
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.closed = true;
      settle();
    });
  }

  /** Stops reading, like a reader that hangs. */
  stall(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Resets the connection, so that no port is left in TIME_WAIT. */
  leave(): void {
    this.#socket.resetAndDestroy();
  }
}
