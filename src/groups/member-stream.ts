import { Connection, type Framing, type Sink } from '../sse/connection.ts';
import { endFrame, groupFrame, readyBeforeHelloFrame, retryFrame } from '../sse/frame.ts';
import type { GroupEvent, MemberLink } from './member-session.ts';

/** Maximum number of bytes waiting for a socket that is full or not ready yet. */
const maxWaitingBytes = 262_144;

/**
 * A member's stream on a socket. Events that decide over leases are never omitted: if they cannot be queued, the stream
 * ends. Pokes are omitted while the socket is full; the member finds their messages when it reads.
 */
export class MemberStream implements MemberLink {
  /** Called once, when it has ended. */
  readonly #closed: () => void;
  #connection: Connection | undefined;
  #state: 'waiting' | 'open' | 'full' | 'closed' = 'waiting';
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #fullSinceMs = 0;
  #ending: string | undefined;

  constructor(closed: () => void) {
    this.#closed = closed;
  }

  /** Sends the response head and the waiting events. */
  open(sink: Sink, framing: Framing, head: Buffer, retryMs: number): void {
    if (this.#state === 'closed') {
      sink.destroy();
      return;
    }
    this.#connection = new Connection(sink, { drained: () => this.#drained(), closed: () => this.#close() }, framing);
    this.#state = 'open';
    const frames = Buffer.concat([readyBeforeHelloFrame, retryFrame(retryMs), ...this.#takeWaiting()]);
    if (!this.#connection.open(head, frames)) this.#full();
    if (this.#ending !== undefined) this.#finish();
  }

  /** The socket was closed before it could be taken over. */
  abandon(): void {
    this.#close();
  }

  send(event: GroupEvent): void {
    if (this.#state === 'closed' || this.#ending !== undefined) return;
    if (this.#state === 'full' && event.event === 'poke') return;
    const frame = groupFrame(event.event, event.data);
    if (this.#state === 'open') {
      if (!this.#connection!.send(frame)) this.#full();
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    if (this.#waitingBytes > maxWaitingBytes) this.end('stalled');
  }

  end(code: string): void {
    if (this.#state === 'closed' || this.#ending !== undefined) return;
    this.#ending = code;
    if (this.#state !== 'waiting') this.#finish();
  }

  /** Ends the stream if its socket has accepted nothing for this time; 0: never. */
  endIfStalled(nowMs: number, stallTimeoutMs: number): void {
    if (stallTimeoutMs > 0 && this.#state === 'full' && nowMs - this.#fullSinceMs >= stallTimeoutMs)
      this.end('stalled');
  }

  #finish(): void {
    const connection = this.#connection!;
    // With a full socket the end event would wait behind bytes that the peer may never read.
    if (this.#state === 'open' && connection.send(endFrame(this.#ending!))) connection.end(false);
    else connection.destroy();
    this.#close();
  }

  #full(): void {
    this.#state = 'full';
    this.#fullSinceMs = performance.now();
  }

  #drained(): void {
    if (this.#state !== 'full') return;
    this.#state = 'open';
    const waiting = this.#takeWaiting();
    if (waiting.length > 0 && !this.#connection!.send(Buffer.concat(waiting))) this.#full();
  }

  #takeWaiting(): Buffer[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#takeWaiting();
    this.#closed();
  }
}
