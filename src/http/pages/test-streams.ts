import { Connection, type Greeting, type Sink } from '../../sse/connection.ts';
import { tickFrame } from '../../sse/frame.ts';

/** Maximum number of test streams: a diagnosis has one at a time, and few people run one simultaneously. */
export const maxTestStreams = 32;

/** Maximum number of test streams of one namespace. */
export const maxTestStreamsOfNamespace = 16;

/** When events are sent: `events` of them, `everyMs` apart, then a last one `silentMs` later. */
export type Rhythm = { readonly events: number; readonly everyMs: number; readonly silentMs: number };

/** The open test streams. Their number is limited, and each has an end. */
export class TestStreams {
  readonly #open = new Set<TestStream>();
  readonly #ofNamespace = new Map<string, number>();
  #taken = 0;
  #isStopping = false;

  /** Number of places taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a place before anything is awaited; returns false if there is none. */
  take(namespaceId: string): boolean {
    const own = this.#ofNamespace.get(namespaceId) ?? 0;
    if (this.#taken >= maxTestStreams || own >= maxTestStreamsOfNamespace) return false;
    this.#taken++;
    this.#ofNamespace.set(namespaceId, own + 1);
    return true;
  }

  /** Releases a place. */
  release(namespaceId: string): void {
    const own = this.#ofNamespace.get(namespaceId)! - 1;
    this.#taken--;
    if (own === 0) this.#ofNamespace.delete(namespaceId);
    else this.#ofNamespace.set(namespaceId, own);
  }

  /** Sends the greeting and the events; releases the place at the end. */
  open(namespaceId: string, socket: Sink, greeting: Greeting, rhythm: Rhythm): void {
    const stream = new TestStream(socket, greeting, rhythm, () => {
      this.#open.delete(stream);
      this.release(namespaceId);
    });
    this.#open.add(stream);
    if (this.#isStopping) stream.end(false);
  }

  /** Ends all streams, including those not open yet, because the server stops. */
  endAll(): void {
    this.#isStopping = true;
    for (const stream of this.#open) stream.end(false);
  }
}

/** One test stream and its socket. */
class TestStream {
  readonly #connection: Connection;
  readonly #rhythm: Rhythm;
  readonly #startMs = performance.now();
  #sent = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(socket: Sink, { framing, head, frames }: Greeting, rhythm: Rhythm, ended: () => void) {
    this.#rhythm = rhythm;
    const closed = () => {
      clearTimeout(this.#timer);
      ended();
    };
    this.#connection = new Connection(socket, { drained: () => {}, closed }, framing);
    this.#check(this.#connection.open(head, frames));
    this.#sendNext();
  }

  /** `isWhole`: everything was sent; otherwise the stream is cut off. */
  end(isWhole: boolean): void {
    clearTimeout(this.#timer);
    this.#connection.end(isWhole);
  }

  /** Sends the next event at its scheduled time rather than relative to the last, so that delays do not add up. */
  #sendNext(): void {
    const { events, everyMs, silentMs } = this.#rhythm;
    const isLast = this.#sent === events;
    const dueMs = isLast ? Math.max(0, events - 1) * everyMs + silentMs : this.#sent * everyMs;
    this.#timer = setTimeout(
      () => {
        const sentMs = Math.round((performance.now() - this.#startMs) * 10) / 10;
        this.#check(this.#connection.send(tickFrame(++this.#sent, sentMs, isLast)));
        if (isLast) this.end(true);
        else this.#sendNext();
      },
      Math.max(0, dueMs - (performance.now() - this.#startMs)),
    );
  }

  // A socket that cannot take these few bytes measures nothing, so nothing is queued.
  #check(isTaken: boolean): void {
    if (!isTaken) this.#connection.destroy();
  }
}
