import type { Socket } from 'node:net';
import { dial } from './dial.ts';

const blankLine = Buffer.from('\r\n\r\n');
const shared = Buffer.allocUnsafeSlow(65_536);

/** One writer: a raw keep-alive socket that sends prebuilt requests and waits for, or counts, the answers. */
export class Publisher {
  answered = 0;
  /** Number of answers other than 2xx. */
  failed = 0;
  /** The first of these answers, for the error message. */
  failure: string | undefined = undefined;
  /** Called after each answer. */
  onAnswer: () => void = () => {};
  readonly #socket: Socket;
  // Bytes of an incomplete answer.
  #rest: Buffer | undefined = undefined;

  constructor(port: number, ready: () => void) {
    this.#socket = dial(port, shared, (length) => this.#read(length));
    this.#socket.on('connect', ready);
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('the server closed the connection'));
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  #fail(reason: string): void {
    this.failed++;
    this.failure ??= reason;
    this.onAnswer();
  }

  #read(length: number): void {
    const piece = shared.subarray(0, length);
    let bytes = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    for (;;) {
      const end = endOfAnswer(bytes);
      if (end === -1) break;
      if (bytes[9] !== 0x32) {
        this.failed++;
        this.failure ??= bytes.toString('latin1', 0, Math.min(end, 400));
      }
      this.answered++;
      bytes = bytes.subarray(end);
      this.onAnswer();
    }
    // Copied, because the next read overwrites the shared buffer.
    this.#rest = bytes.length === 0 ? undefined : Buffer.from(bytes);
  }
}

/** Index after the first complete answer, or -1 if it is incomplete. */
function endOfAnswer(bytes: Buffer): number {
  const headEnd = bytes.indexOf(blankLine);
  if (headEnd === -1) return -1;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length !== null) {
    const end = headEnd + 4 + Number(length[1]);
    return end <= bytes.length ? end : -1;
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return headEnd + 4;
  const end = bytes.indexOf('\r\n0\r\n\r\n', headEnd, 'latin1');
  return end === -1 ? -1 : end + 7;
}
