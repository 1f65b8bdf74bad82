import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { LateAnswer } from './nats-faults.ts';

/** How much later than its deadline an unanswered write may be rejected. */
const lookMs = 50;
const noResponders = 503;

type Waiting = {
  readonly subject: string;
  readonly deadline: number;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (error: Error) => void;
};

/** Creates the client's error for a request without responders. */
type NobodyListens = (subject: string) => Error;

/**
 * Receives the answers to writes on a single subscription. The client's own `request` does the same, but creates a
 * timer, a race of promises and an error with a stack for each request, answered or not.
 */
export class WriteAnswers {
  readonly #connection: NatsConnection;
  readonly #inbox: string;
  readonly #nobodyListens: NobodyListens;
  /** By the last token of the reply subject. Each entry is removed by its deadline. */
  readonly #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #count = 0;

  constructor(connection: NatsConnection, inbox: string, nobodyListens: NobodyListens) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#nobodyListens = nobodyListens;
    connection.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  /** Number of writes without an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Publishes a message and resolves to the answer. */
  write(subject: string, payload: Uint8Array | string, headers: MsgHdrs, timeoutMs: number): Promise<Msg> {
    const token = String(++this.#count);
    const { promise, resolve, reject } = Promise.withResolvers<Msg>();
    this.#connection.publish(subject, payload, { reply: `${this.#inbox}.${token}`, headers });
    this.#waiting.set(token, { subject, deadline: performance.now() + timeoutMs, resolve, reject });
    this.#timer ??= setInterval(() => this.#rejectLate(), lookMs).unref();
    return promise;
  }

  /** Rejects writes to a subject that the server does not let this user publish to. */
  refuse(subject: string, error: Error): void {
    for (const [token, waiting] of this.#waiting) {
      if (waiting.subject !== subject) continue;
      this.#waiting.delete(token);
      waiting.reject(error);
    }
  }

  /** Rejects pending writes, because the connection is closed. */
  close(): void {
    clearInterval(this.#timer);
    for (const { reject } of this.#waiting.values()) reject(new LateAnswer('the connection to NATS was closed'));
    this.#waiting.clear();
  }

  #take(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const waiting = this.#waiting.get(token);
    // The answer arrived after its deadline.
    if (waiting === undefined) return;
    this.#waiting.delete(token);
    if (message.data.length === 0 && message.headers?.code === noResponders) {
      waiting.reject(this.#nobodyListens(waiting.subject));
    } else waiting.resolve(message);
  }

  #rejectLate(): void {
    const now = performance.now();
    for (const [token, { deadline, subject, reject }] of this.#waiting) {
      if (deadline > now) continue;
      this.#waiting.delete(token);
      reject(new LateAnswer(`NATS did not answer a write to ${subject} in time`));
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
