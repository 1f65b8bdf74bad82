import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg } from '@nats-io/transport-node';
import { DeliveryParser } from './delivery.ts';
import { type LogStream, nanosOf } from './log-stream.ts';
import { LateAnswer, storeFault } from './nats-faults.ts';
import { PullRequests } from './pull-requests.ts';

/** The server deletes a consumer after this long without a pull. */
export const cursorIdleMs = 10_000;

/**
 * Maximum number of consumers created to get one on the server that this node is connected to. With three servers, one read in eight
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
export type Pulled<Entry> = { readonly entries: Entry[]; readonly isShort: boolean };

const pullMs = 5_000;
/** Other servers learn of a new consumer slightly later; until then a pull has no responders. */
const noRespondersMs = 250;
const pauseMs = 3;

/** Statuses that end a request. */
const ended = { noMessages: 404, timeout: 408 } as const;
type Waiting<Entry> = {
  readonly most: number;
  readonly resolve: (pulled: Pulled<Entry> | undefined) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Reads headers of messages in order, without payloads, which only a consumer can do. The consumer runs on one server,
 * which may be slightly behind the stream's leader; if it is lost, a new one continues after the last message.
 */
export class HeaderCursor<Entry> {
  readonly log: LogStream;
  readonly filters: readonly string[];
  readonly #read: ReadHeaders<Entry>;
  #name = '';
  #isNear = true;
  #isFiltered = true;
  #deliveries = new DeliveryParser('');
  /** Count of the consumer's last delivery. */
  #delivered = 0;
  #requests: PullRequests | undefined = undefined;
  /** Status that ended the last request, or 0 if it received all its messages. */
  #status = 0;
  #fault: unknown = undefined;
  /** Received but not yet returned by a pull. */
  #entries: Entry[] = [];
  /** Number of the last message received. */
  #received: number;
  /** Number of messages to request in advance; 0 disables it. */
  #ahead = 0;
  #waiting: Waiting<Entry> | undefined = undefined;

  private constructor(log: LogStream, filters: readonly string[], after: number, read: ReadHeaders<Entry>) {
    this.log = log;
    this.filters = filters;
    this.#read = read;
    this.#received = after;
  }

  /** Opens a cursor after a sequence number. Filters must not overlap; without filters it reads everything. */
  static async open<Entry>(
    log: LogStream,
    filters: readonly string[],
    after: number,
    read: ReadHeaders<Entry>,
  ): Promise<HeaderCursor<Entry>> {
    const cursor = new HeaderCursor(log, filters, after, read);
    await cursor.#begin();
    return cursor;
  }

  /**
   * Sequence number of the last message received, initially the starting point. After {@link readAhead} it is ahead of the
   * pulled messages until a pull is short.
   */
  get last(): number {
    return this.#received;
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
   * Requests the next `count` messages as soon as the previous ones begin to arrive, until the server has no more. A server
   * sends the first message of a request only after it has read most of them; without this, the node and the server would
   * wait for each other in turn (`npm run load -- nats-catch-up`).
   */
  readAhead(count: number): void {
    this.#ahead = count;
  }

  /**
   * Continues with a consumer on the server that this node is connected to, if the current one is elsewhere: otherwise
   * the servers do twice as much work for each message (`npm run load -- nats-catch-up`). A cluster chooses the server
   * of a consumer at random. Must not be called during a pull or after {@link readAhead}.
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

  /**
   * Continues near, as {@link moveNear}, with a consumer that returns messages of any subject, because each filter adds to the
   * work of the servers (`npm run load -- nats-catch-up`). If there is no such consumer, the current one remains.
   */
  async readEverything(): Promise<void> {
    this.#isFiltered = false;
    this.#isNear = false;
    await this.moveNear();
  }

  close(): void {
    this.#requests?.close();
    this.#delete(this.#name);
  }

  /** Undefined: there were no responders, or the consumer was lost before it delivered anything. */
  async #pullOnce(most: number, waitMs: number): Promise<Pulled<Entry> | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Pulled<Entry> | undefined>();
    const late = `NATS did not answer the pull of a consumer within ${(pullMs + waitMs) / 1_000} s`;
    const timer = setTimeout(() => reject(new LateAnswer(late)), pullMs + waitMs);
    this.#waiting = { most, resolve, reject };
    try {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#entries.length < most && this.#outstanding === 0) this.#requests!.send(most, waitMs);
      this.#settle();
      return await promise;
    } catch (error) {
      throw storeFault(error);
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  get #outstanding(): number {
    return this.#requests?.outstanding ?? 0;
  }

  /** Resolves the waiting pull if it has enough messages or no request is in flight. */
  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const entries = this.#entries;
    if (entries.length >= waiting.most) {
      this.#entries = entries.splice(waiting.most);
      // Synchronously: more messages may follow in the same chunk of the socket.
      this.#waiting = undefined;
      waiting.resolve({ entries, isShort: false });
    } else if (this.#outstanding === 0) {
      const isShort = this.#status === ended.noMessages || this.#status === ended.timeout;
      this.#entries = [];
      this.#waiting = undefined;
      if (isShort) this.#ahead = 0;
      waiting.resolve(entries.length === 0 && !isShort ? undefined : { entries, isShort });
    }
  }

  #take(message: Msg): void {
    this.#deliveries.parse(message);
    const { seq, count } = this.#deliveries;
    try {
      // A broken connection may have lost deliveries, which this consumer will not repeat.
      if (count !== this.#delivered + 1) throw new LateAnswer('deliveries of a consumer were lost');
      this.#entries.push(this.#read(message, seq));
    } catch (error) {
      // The client stops reading its socket when a callback throws.
      this.#fail(error);
      return;
    }
    this.#delivered = count;
    this.#received = seq;
    if (this.#ahead > 0) this.#requestAhead();
    if (this.#entries.length === this.#waiting?.most) this.#settle();
  }

  /** Requests more if the outstanding and unread messages together do not exceed one request. */
  #requestAhead(): void {
    const outstanding = this.#outstanding;
    if (outstanding > 0 && outstanding + this.#entries.length <= this.#ahead) this.#requests!.send(this.#ahead);
  }

  /** Rejects the waiting pull, or the next one. */
  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#waiting?.reject(error);
  }

  async #begin(): Promise<void> {
    const name = consumerName();
    this.#use(name, await this.#create(name));
  }

  #use(name: string, isNear: boolean): void {
    // Late deliveries of the previous consumer must not be mistaken for those of the new one.
    this.#requests?.close();
    const { link, names } = this.log;
    this.#requests = new PullRequests(
      link,
      `$JS.API.CONSUMER.MSG.NEXT.${names.stream}.${name}`,
      (message) => this.#take(message),
      (status) => {
        this.#status = status;
        this.#settle();
      },
    );
    this.#name = name;
    this.#isNear = isNear;
    this.#deliveries = new DeliveryParser(name);
    this.#delivered = 0;
  }

  #delete(name: string): void {
    const { connection } = this.log.link;
    // Not awaited: if this request is lost, the server deletes the idle consumer anyway.
    if (!connection.isClosed()) connection.publish(`$JS.API.CONSUMER.DELETE.${this.log.names.stream}.${name}`);
  }

  /** Creates a consumer after the last message; resolves to whether it is on the server that this node is connected to. */
  async #create(name: string): Promise<boolean> {
    const { link, names } = this.log;
    const config = {
      name,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.#received + 1,
      ack_policy: 'none',
      headers_only: true,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanosOf(cursorIdleMs),
      ...(this.#isFiltered && this.filters.length > 0 ? { filter_subjects: this.filters } : {}),
    };
    const create = { stream_name: names.stream, action: 'create', config };
    const request = () => link.api<ConsumerInfo>(`CONSUMER.CREATE.${names.stream}.${name}`, create);
    const { cluster } = await this.log.ask(request);
    return cluster === undefined || cluster.leader === link.connection.info?.server_name;
  }
}

/** A unique name; short, because it is part of every delivery. */
export function consumerName(): string {
  return randomBytes(9).toString('base64url');
}
