import type { Msg, Subscription } from '@nats-io/transport-node';
import { isLogGone } from '../shared/log-gone.ts';
import { DeliveryParser, isSame, subjectOf } from './delivery.ts';
import { consumerName } from './header-cursor.ts';
import { type LogStream, nanosOf } from './log-stream.ts';

/** Interval of the server's heartbeats while it has no messages. After two missed ones the consumer is replaced. */
const heartbeatMs = 1_500;
const silentMs = 2 * heartbeatMs + 500;
/** A newly elected leader may not have applied everything yet, so after a restart the check for a lost end waits this long. */
const settleMs = 5_000;
const leastRetryMs = 50;
const mostRetryMs = 2_000;

/** Handlers for a consumer's deliveries. */
export type Delivered = {
  /** Receives each message once, in order. */
  readonly message: (message: Msg, seq: number) => void;
  /** The stream no longer exists; nothing follows. */
  readonly gone: () => void;
  /** The stream ends before the last delivered message: its servers lost messages and will reuse their sequence numbers. */
  readonly lostItsEnd: () => void;
};

/**
 * Delivers headers of a stream's messages in order and without gaps, across changes of leader and broken connections.
 * If a delivery is missing or the server's consumer falls silent, a new consumer continues after the last message.
 */
export class OrderedConsumer {
  readonly #log: LogStream;
  readonly #delivered: Delivered;
  readonly #forgetReconnect: () => void;
  #subscription: Subscription | undefined = undefined;
  #name = '';
  #parser = new DeliveryParser('');
  #last: number;
  #deliveries = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  #check: NodeJS.Timeout | undefined = undefined;
  #retryMs = leastRetryMs;
  #run = 0;
  #isStopped = false;
  /** Number of consumers created after the first. */
  restarts = 0;

  /** Starts after the sequence number `after`. */
  constructor(log: LogStream, after: number, delivered: Delivered) {
    this.#log = log;
    this.#last = after;
    this.#delivered = delivered;
    this.#forgetReconnect = log.link.onReconnect(() => this.#restart());
    void this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#check);
    this.#forgetReconnect();
    this.#end();
  }

  #end(): void {
    this.#run++;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    const { connection } = this.#log.link;
    if (this.#name === '' || connection.isClosed()) return;
    // Not awaited: if this request is lost, the server deletes the idle consumer anyway.
    connection.publish(`$JS.API.CONSUMER.DELETE.${this.#log.names.stream}.${this.#name}`);
    this.#name = '';
  }

  #restart(): void {
    if (this.#isStopped) return;
    this.restarts++;
    this.#end();
    void this.#open();
    this.#check ??= setTimeout(() => void this.#checkEnd(), settleMs).unref();
  }

  async #checkEnd(): Promise<void> {
    this.#check = undefined;
    const delivered = this.#last;
    try {
      const { state } = await this.#log.info();
      if (state.last_seq < delivered && !this.#isStopped) this.#delivered.lostItsEnd();
    } catch {
      // The consumer restarts until the server answers, and each restart schedules another check.
    }
  }

  async #open(): Promise<void> {
    const run = this.#run;
    const inbox = this.#log.link.inbox();
    const name = consumerName();
    const inboxBytes = Buffer.from(inbox);
    this.#name = name;
    this.#parser = new DeliveryParser(name);
    this.#deliveries = 0;
    this.#subscription = this.#log.link.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error === null && run === this.#run) this.#take(message, inboxBytes);
      },
    });
    try {
      await this.#create(name, inbox);
      if (run !== this.#run) return;
      this.#retryMs = leastRetryMs;
      this.#listen();
    } catch (error) {
      if (run === this.#run) this.#failed(error);
    }
  }

  async #create(name: string, inbox: string): Promise<void> {
    const config = {
      name,
      deliver_subject: inbox,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.#last + 1,
      ack_policy: 'none',
      headers_only: true,
      flow_control: true,
      idle_heartbeat: nanosOf(heartbeatMs),
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanosOf(silentMs),
    };
    const { stream } = this.#log.names;
    const create = { stream_name: stream, action: 'create', config };
    await this.#log.ask(() => this.#log.link.api(`CONSUMER.CREATE.${stream}.${name}`, create));
  }

  #failed(error: unknown): void {
    this.#end();
    if (isLogGone(error)) {
      this.stop();
      this.#delivered.gone();
      return;
    }
    this.#timer = setTimeout(() => this.#restart(), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
  }

  #take(message: Msg, inbox: Buffer): void {
    this.#listen();
    if (isSame(subjectOf(message), inbox)) {
      this.#control(message);
      return;
    }
    this.#parser.parse(message);
    const { seq, count } = this.#parser;
    if (count !== this.#deliveries + 1) {
      this.#restart();
      return;
    }
    this.#deliveries = count;
    this.#last = seq;
    this.#delivered.message(message, seq);
  }

  /** Handles a heartbeat or a flow-control request. */
  #control(message: Msg): void {
    const { headers, reply = '' } = message;
    if (headers?.code !== 100) return;
    const stalled = headers.get('Nats-Consumer-Stalled');
    if (reply !== '') message.respond();
    else if (stalled !== '') this.#log.link.publish(stalled, '');
    const last = headers.get('Nats-Last-Consumer');
    if (last !== '' && Number(last) !== this.#deliveries) this.#restart();
  }

  /** Restarts the consumer unless the server sends something in time. */
  #listen(): void {
    if (this.#timer !== undefined) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.#restart(), silentMs).unref();
  }
}
