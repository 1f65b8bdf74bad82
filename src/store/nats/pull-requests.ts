import type { Msg, Subscription } from '@nats-io/transport-node';
import { isSame, subjectOf } from './delivery.ts';
import { nanosOf } from './log-stream.ts';
import type { NatsLink } from './nats-link.ts';

/** Maximum number of requests in flight. Two overlap; more do not make a read faster. */
const mostRequests = 2;

const heartbeat = 100;

type Request = { readonly inbox: string; readonly subscription: Subscription; left: number };

/**
 * Requests for messages of one pull consumer. Each has its own subscription, because nats-server serves requests in turn and
 * reports only a request that it ends early: otherwise nothing shows which request a message answers.
 */
export class PullRequests {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #take: (message: Msg) => void;
  readonly #ended: (status: number) => void;
  readonly #requests: Request[] = [];
  /** Number of messages requested but not received. */
  outstanding = 0;

  /**
   * `subject`: where the consumer receives requests. `take` receives each message, then `ended` is called if a request is complete
   * (0) or was ended early (its status).
   */
  constructor(link: NatsLink, subject: string, take: (message: Msg) => void, ended: (status: number) => void) {
    this.#link = link;
    this.#subject = subject;
    this.#take = take;
    this.#ended = ended;
  }

  /** Requests `count` messages; waits up to `waitMs` for that many. Does nothing while {@link mostRequests} are in flight. */
  send(count: number, waitMs = 0): void {
    const request = this.#free();
    if (request === undefined) return;
    request.left = count;
    this.outstanding += count;
    const body = waitMs === 0 ? { batch: count, no_wait: true } : { batch: count, expires: nanosOf(waitMs) };
    this.#link.requests++;
    this.#link.connection.publish(this.#subject, JSON.stringify(body), { reply: request.inbox });
  }

  close(): void {
    for (const { subscription } of this.#requests) subscription.unsubscribe();
    this.#requests.length = 0;
    this.outstanding = 0;
  }

  #free(): Request | undefined {
    const free = this.#requests.find(({ left }) => left === 0);
    if (free !== undefined || this.#requests.length === mostRequests) return free;
    const inbox = this.#link.inbox();
    const inboxBytes = Buffer.from(inbox);
    const subscription = this.#link.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error === null) this.#receive(request, message, inboxBytes);
      },
    });
    const request: Request = { inbox, subscription, left: 0 };
    this.#requests.push(request);
    return request;
  }

  #receive(request: Request, message: Msg, inbox: Buffer): void {
    // The status that ends a request is sent to its inbox; messages keep the subject of their stream.
    if (isSame(subjectOf(message), inbox)) {
      const code = message.headers?.code ?? 0;
      if (code === heartbeat) return;
      this.outstanding -= request.left;
      request.left = 0;
      this.#ended(code);
      return;
    }
    request.left--;
    this.outstanding--;
    this.#take(message);
    if (request.left === 0) this.#ended(0);
  }
}
