import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { DeliveryParser, isSame, subjectOf } from './delivery.ts';
import { type LogStream, nanosOf } from './log-stream.ts';
import { LateAnswer, storeFault } from './nats-faults.ts';

/** The server deletes a consumer after this long without a pull. */
export const cursorIdleMs = 10_000;

/**
 * Most consumers created to get one on the server that this node is connected to. With three servers, one read in eight
 * does not get one.
 */
const nearTries = 5;

/** JetStream's answer to the creation of a consumer; in a cluster it names the server of its leader. */
type ConsumerInfo = { readonly cluster?: { readonly leader?: string } };

/**
 * Extracts the needed parts of a message without its payload, and of its sequence number. Must do so immediately,
 * because the client's message keeps a whole chunk of its socket alive.
 */
export type ReadHeaders<Entry> = (message: Msg, seq: number) => Entry;

/** The result of one pull; `isShort`: the server had no more messages when it answered. */
export type Pulled<Entry> = { readonly entries: readonly Entry[]; readonly isShort: boolean };

const pullMs = 5_000;
/** Other servers learn of a new consumer slightly later; until then a pull has no responders. */
const noRespondersMs = 250;
const pauseMs = 3;

/**
 * Reads headers of messages in order, without payloads, which only a consumer can do. The consumer runs on one server,
 * which may be slightly behind the stream's leader; if it is lost, a new one continues after the last message.
 */
export class HeaderCursor<Entry> {
  readonly #log: LogStream;
  readonly #filters: readonly string[];
  readonly #read: ReadHeaders<Entry>;
  readonly #inbox: string;
  readonly #inboxBytes: Buffer;
  readonly #subscription: Subscription;
  #name = '';
  #isNear = true;
  #deliveries = new DeliveryParser('');
  /** Receives the messages of the current pull. */
  #take: (message: Msg) => void = () => {};
  /** Sequence number of the last message pulled; before the first pull, where the cursor started. */
  last: number;

  private constructor(log: LogStream, filters: readonly string[], after: number, read: ReadHeaders<Entry>) {
    this.#log = log;
    this.#filters = filters;
    this.#read = read;
    this.#inbox = log.link.inbox();
    this.#inboxBytes = Buffer.from(this.#inbox);
    this.last = after;
    this.#subscription = log.link.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  /** Opens a cursor after a sequence number. Filters must not overlap; without filters it reads everything. */
  static async open<Entry>(
    log: LogStream,
    filters: readonly string[],
    after: number,
    read: ReadHeaders<Entry>,
  ): Promise<HeaderCursor<Entry>> {
    const cursor = new HeaderCursor(log, filters, after, read);
    try {
      await cursor.#begin();
      return cursor;
    } catch (error) {
      cursor.#subscription.unsubscribe();
      throw error;
    }
  }

  /** Returns the next messages, at most `most`; waits up to `waitMs` for that many. */
  async pull(most: number, waitMs = 0): Promise<Pulled<Entry>> {
    const startMs = performance.now();
    for (let lostAtMs = startMs + noRespondersMs; ; ) {
      const pulled = await this.#pullOnce(most, waitMs);
      if (pulled !== undefined) return pulled;
      const nowMs = performance.now();
      if (nowMs - startMs > pullMs)
        throw storeFault(new LateAnswer(`no server of NATS has had the consumer of a read for ${pullMs / 1_000} s`));
      if (nowMs > lostAtMs) {
        await this.#begin();
        lostAtMs = performance.now() + noRespondersMs;
      }
      await delay(pauseMs);
    }
  }

  /**
   * Continues with a consumer on the server that this node is connected to, if the current one is elsewhere: otherwise
   * the servers do twice as much work for each message (`npm run load -- nats-catch-up`). A cluster chooses the server
   * of a consumer at random. Must not be called during a pull.
   */
  async moveNear(): Promise<void> {
    for (let tries = 0; tries < nearTries && !this.#isNear; tries++) {
      const name = consumerName();
      let isNear: boolean;
      try {
        isNear = await this.#create(name);
      } catch {
        // The existing consumer still works; if it does not, the next pull reports the reason.
        return;
      }
      this.#delete(isNear ? this.#name : name);
      if (isNear) this.#use(name, isNear);
    }
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#delete(this.#name);
  }

  /** Undefined: there were no responders, or the consumer was lost before it delivered anything. */
  async #pullOnce(most: number, waitMs: number): Promise<Pulled<Entry> | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Pulled<Entry> | undefined>();
    const entries: Entry[] = [];
    const late = `NATS did not answer the pull of a consumer within ${(pullMs + waitMs) / 1_000} s`;
    const timer = setTimeout(() => reject(new LateAnswer(late)), pullMs + waitMs);
    this.#take = (message) => {
      // A status at the end of the pull is sent to the inbox itself; messages keep the subject of their stream.
      if (isSame(subjectOf(message), this.#inboxBytes)) {
        const code = message.headers?.code ?? 0;
        if (code === 404 || code === 408) resolve({ entries, isShort: true });
        else if (code !== 100) resolve(entries.length === 0 ? undefined : { entries, isShort: false });
        return;
      }
      this.#deliveries.parse(message);
      const { seq } = this.#deliveries;
      try {
        entries.push(this.#read(message, seq));
      } catch (error) {
        // The client stops reading its socket when a callback throws.
        reject(error);
        return;
      }
      this.last = seq;
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

  async #begin(): Promise<void> {
    const name = consumerName();
    this.#use(name, await this.#create(name));
  }

  #use(name: string, isNear: boolean): void {
    this.#name = name;
    this.#isNear = isNear;
    this.#deliveries = new DeliveryParser(name);
  }

  #delete(name: string): void {
    const { connection } = this.#log.link;
    // Not awaited: if this request is lost, the server deletes the idle consumer anyway.
    if (!connection.isClosed()) connection.publish(`$JS.API.CONSUMER.DELETE.${this.#log.names.stream}.${name}`);
  }

  /** Creates a consumer after the last message; resolves to whether it is on the server that this node is connected to. */
  async #create(name: string): Promise<boolean> {
    const { link, names } = this.#log;
    const config = {
      name,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.last + 1,
      ack_policy: 'none',
      headers_only: true,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanosOf(cursorIdleMs),
      ...(this.#filters.length === 0 ? {} : { filter_subjects: this.#filters }),
    };
    const create = { stream_name: names.stream, action: 'create', config };
    const request = () => link.api<ConsumerInfo>(`CONSUMER.CREATE.${names.stream}.${name}`, create);
    const { cluster } = await this.#log.ask(request);
    return cluster === undefined || cluster.leader === link.connection.info?.server_name;
  }
}

/** A unique name; short, because it is part of every delivery. */
export function consumerName(): string {
  return randomBytes(9).toString('base64url');
}
