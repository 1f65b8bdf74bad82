import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { deliveryOf } from './delivery.ts';
import { type LogStream, nanosOf } from './log-stream.ts';
import { LateAnswer, storeFault } from './nats-faults.ts';

/** The server deletes a consumer after this long without a pull. */
export const cursorIdleMs = 10_000;

/** A pulled message, without its payload. */
export type HeaderEntry = { readonly subject: string; readonly seq: number; readonly message: Msg };

/** The result of one pull; `isShort`: the server had no more messages when it answered. */
export type Pulled = { readonly entries: readonly HeaderEntry[]; readonly isShort: boolean };

const pullMs = 5_000;
/** Other servers learn of a new consumer slightly later; until then a pull has no responders. */
const noRespondersMs = 250;
const pauseMs = 3;

/**
 * Reads headers of messages in order, without payloads, which only a consumer can do. The consumer runs on one server,
 * which may be slightly behind the stream's leader; if it is lost, a new one continues after the last message.
 */
export class HeaderCursor {
  readonly #log: LogStream;
  readonly #filters: readonly string[];
  readonly #inbox: string;
  readonly #subscription: Subscription;
  #name = '';
  /** Receives the messages of the current pull. */
  #take: (message: Msg) => void = () => {};
  /** Sequence number of the last message pulled; before the first pull, where the cursor started. */
  last: number;

  private constructor(log: LogStream, filters: readonly string[], after: number) {
    this.#log = log;
    this.#filters = filters;
    this.#inbox = log.link.inbox();
    this.last = after;
    this.#subscription = log.link.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  /** Opens a cursor after a sequence number. Filters must not overlap; without filters it reads everything. */
  static async open(log: LogStream, filters: readonly string[], after: number): Promise<HeaderCursor> {
    const cursor = new HeaderCursor(log, filters, after);
    try {
      await cursor.#create();
      return cursor;
    } catch (error) {
      cursor.#subscription.unsubscribe();
      throw error;
    }
  }

  /** Returns the next messages, at most `most`; waits up to `waitMs` for that many. */
  async pull(most: number, waitMs = 0): Promise<Pulled> {
    const startMs = performance.now();
    for (let lostAtMs = startMs + noRespondersMs; ; ) {
      const pulled = await this.#pullOnce(most, waitMs);
      if (pulled !== undefined) return pulled;
      const nowMs = performance.now();
      if (nowMs - startMs > pullMs) throw storeFault(new LateAnswer('no server has the consumer of a read'));
      if (nowMs > lostAtMs) {
        await this.#create();
        lostAtMs = performance.now() + noRespondersMs;
      }
      await delay(pauseMs);
    }
  }

  close(): void {
    this.#subscription.unsubscribe();
    const { connection } = this.#log.link;
    // Not awaited: if this is lost, the server deletes the idle consumer by itself.
    if (!connection.isClosed()) connection.publish(`$JS.API.CONSUMER.DELETE.${this.#log.names.stream}.${this.#name}`);
  }

  /** Undefined: there were no responders, or the consumer was lost before it delivered anything. */
  async #pullOnce(most: number, waitMs: number): Promise<Pulled | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Pulled | undefined>();
    const entries: HeaderEntry[] = [];
    const timer = setTimeout(() => reject(new LateAnswer('the pull of a consumer was not answered')), pullMs + waitMs);
    this.#take = (message) => {
      // A status at the end of the pull is sent to the inbox itself; messages keep the subject of their stream.
      if (message.subject === this.#inbox) {
        const code = message.headers?.code ?? 0;
        if (code === 404 || code === 408) resolve({ entries, isShort: true });
        else if (code !== 100) resolve(entries.length === 0 ? undefined : { entries, isShort: false });
        return;
      }
      const { seq } = deliveryOf(message.reply!, this.#name);
      this.last = seq;
      entries.push({ subject: message.subject, seq, message });
      if (entries.length === most) resolve({ entries, isShort: false });
    };
    const body = waitMs === 0 ? { batch: most, no_wait: true } : { batch: most, expires: nanosOf(waitMs) };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#log.names.stream}.${this.#name}`;
    try {
      this.#log.link.requests++;
      this.#log.link.connection.publish(subject, JSON.stringify(body), { reply: this.#inbox });
      return await promise;
    } catch (error) {
      throw storeFault(error);
    } finally {
      clearTimeout(timer);
      this.#take = () => {};
    }
  }

  async #create(): Promise<void> {
    this.#name = consumerName();
    const config = {
      name: this.#name,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.last + 1,
      ack_policy: 'none',
      headers_only: true,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanosOf(cursorIdleMs),
      ...(this.#filters.length === 0 ? {} : { filter_subjects: this.#filters }),
    };
    const { stream } = this.#log.names;
    const create = { stream_name: stream, action: 'create', config };
    await this.#log.ask(() => this.#log.link.api(`CONSUMER.CREATE.${stream}.${this.#name}`, create));
  }
}

/** A unique name; short, because it is part of every delivery. */
export function consumerName(): string {
  return randomBytes(9).toString('base64url');
}
