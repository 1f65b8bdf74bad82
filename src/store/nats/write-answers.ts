import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { LateAnswer } from './nats-faults.ts';

/** An unanswered write is rejected up to so much behind its deadline. */
const lookMs = 50;
const noResponders = 503;

type Waiting = {
  readonly subject: string;
  readonly deadline: number;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (error: Error) => void;
};

/** Makes the client's error of a request that nobody listens to. */
type NobodyListens = (subject: string) => Error;

/**
 * Takes the answers to writes, all on one subscription. The client's own `request` does the same, and for each request makes a timer, a
 * race of promises and an error with its stack, answered or not.
 */
export class WriteAnswers {
  readonly #connection: NatsConnection;
  readonly #inbox: string;
  readonly #nobodyListens: NobodyListens;
  /** By the last token of the subject that the answer goes to. Each leaves by its deadline. */
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

  /** Writes without an answer. */
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

  /** Rejects the writes to a subject that the server does not let this user publish to. */
  refuse(subject: string, error: Error): void {
    for (const [token, waiting] of this.#waiting) {
      if (waiting.subject !== subject) continue;
      this.#waiting.delete(token);
      waiting.reject(error);
    }
  }

  /** Rejects what waits, because the connection is closed. */
  close(): void {
    clearInterval(this.#timer);
    for (const { reject } of this.#waiting.values()) reject(new LateAnswer('the connection to NATS was closed'));
    this.#waiting.clear();
  }

  #take(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const waiting = this.#waiting.get(token);
    // Answered behind its deadline.
    if (waiting === undefined) return;
    this.#waiting.delete(token);
    if (message.data.length === 0 && message.headers?.code === noResponders) {
      waiting.reject(this.#nobodyListens(waiting.subject));
    } else waiting.resolve(message);
  }

  #rejectLate(): void {
    const now = performance.now();
    for (const [token, { deadline, reject }] of this.#waiting) {
      if (deadline > now) continue;
      this.#waiting.delete(token);
      reject(new LateAnswer('NATS did not answer a write'));
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
