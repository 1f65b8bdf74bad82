import { Connection, type Greeting, type Sink } from '../../sse/connection.ts';
import { tickFrame } from '../../sse/frame.ts';

/** Test streams at most: a diagnosis has one at a time, and few people make one at the same time. */
export const maxTestStreams = 32;

/** Of these, the test streams of one namespace. */
export const maxTestStreamsOfNamespace = 16;

/** When events are sent: `events` of them, `everyMs` apart, and a last one `silentMs` later. */
export type Rhythm = { readonly events: number; readonly everyMs: number; readonly silentMs: number };

/** The test streams that are open: never more than a few, and each has an end. */
export class TestStreams {
  readonly #open = new Set<TestStream>();
  readonly #ofNamespace = new Map<string, number>();
  #taken = 0;
  #isStopping = false;

  /** Places taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a place, before anything is waited for; false: there is none. */
  take(namespaceId: string): boolean {
    const own = this.#ofNamespace.get(namespaceId) ?? 0;
    if (this.#taken >= maxTestStreams || own >= maxTestStreamsOfNamespace) return false;
    this.#taken++;
    this.#ofNamespace.set(namespaceId, own + 1);
    return true;
  }

  /** Gives a place back. */
  release(namespaceId: string): void {
    const own = this.#ofNamespace.get(namespaceId)! - 1;
    this.#taken--;
    if (own === 0) this.#ofNamespace.delete(namespaceId);
    else this.#ofNamespace.set(namespaceId, own);
  }

  /** Sends the greeting and what follows; gives the place back at the end. */
  open(namespaceId: string, socket: Sink, greeting: Greeting, rhythm: Rhythm): void {
    const stream = new TestStream(socket, greeting, rhythm, () => {
      this.#open.delete(stream);
      this.release(namespaceId);
    });
    this.#open.add(stream);
    if (this.#isStopping) stream.end(false);
  }

  /** Ends all, those that are still to open too: the server stops. */
  endAll(): void {
    this.#isStopping = true;
    for (const stream of this.#open) stream.end(false);
  }
}

/** One test stream on its socket. */
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

  /** `isWhole`: everything was sent; else it is broken off. */
  end(isWhole: boolean): void {
    clearTimeout(this.#timer);
    this.#connection.end(isWhole);
  }

  /** The next event, at its time by the clock and not by the last one's, so that delays do not add up. */
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

  // A socket that does not take these few bytes measures nothing, and nothing is to wait in it.
  #check(isTaken: boolean): void {
    if (!isTaken) this.#connection.destroy();
  }
}
