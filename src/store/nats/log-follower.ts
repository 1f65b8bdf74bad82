import type { Msg } from '@nats-io/transport-node';
import type { Poke } from '../../message/poke.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { Announced } from '../log.ts';
import type { StoreReporter } from '../open-store.ts';
import type { AppendTimes } from './append-times.ts';
import { positionOfDelivered } from './delivery.ts';
import type { LogStream } from './log-stream.ts';
import { OrderedConsumer } from './ordered-consumer.ts';
import { messageHeaders } from './stored-message.ts';
import { SubjectStreams } from './subject-streams.ts';

const retryMs = 500;

/** Announces messages of one log to all followers on this node, from a single consumer. */
export class LogFollower {
  readonly #log: LogStream;
  readonly #pokes: ObjectPool<Poke>;
  readonly #times: AppendTimes;
  readonly #report: StoreReporter | undefined;
  readonly #streams: SubjectStreams;
  readonly #followers = new Set<Announced>();
  #consumer: OrderedConsumer | undefined = undefined;
  #retry: NodeJS.Timeout | undefined = undefined;
  #isStopped = false;
  /** Pokes collected since the last announcement, and the sequence number before them. */
  #gathered: Poke[] = [];
  #after = 0;
  #last = 0;

  constructor(log: LogStream, pokes: ObjectPool<Poke>, times: AppendTimes, report: StoreReporter | undefined) {
    this.#log = log;
    this.#report = report;
    this.#streams = new SubjectStreams(log.names);
    this.#pokes = pokes;
    this.#times = times;
    void this.#start();
  }

  get followerCount(): number {
    return this.#followers.size;
  }

  get restarts(): number {
    return this.#consumer?.restarts ?? 0;
  }

  /** Returns a function that removes the follower. */
  add(announced: Announced): () => void {
    const follower: Announced = (announcement) => announced(announcement);
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    this.#followers.clear();
    this.#consumer?.stop();
    this.#flush();
  }

  async #start(): Promise<void> {
    try {
      const { state } = await this.#log.info();
      if (this.#isStopped) return;
      this.#last = state.last_seq;
      this.#after = this.#last;
      this.#consumer = new OrderedConsumer(this.#log, this.#last, {
        message: (message, seq) => this.#take(message, seq),
        gone: () => this.#wake(),
        lostItsEnd: () => {
          const text =
            'NATS lost messages that were delivered, and reuses their positions: subscribers miss the new messages there';
          this.#report?.warn({ log: this.#log.id }, text);
        },
      });
      // Followers that read the log before the consumer's start was known must read again.
      if (this.#last > 0) this.#wake();
    } catch {
      if (this.#isStopped) return;
      this.#wake();
      this.#retry = setTimeout(() => void this.#start(), retryMs).unref();
    }
  }

  #take(message: Msg, seq: number): void {
    const stream = this.#streams.of(message);
    // Headers are decoded only while appends of this node are pending.
    const appendedAtMs = this.#times.isEmpty ? 0 : this.#times.take(message.headers!.get(messageHeaders.id));
    if (seq !== this.#last + 1) {
      // Messages were removed before delivery; followers that read the log find out which.
      this.#flush();
      this.#after = seq - 1;
    }
    this.#gathered.push(this.#pokes.acquire().set(stream, positionOfDelivered(message), seq, appendedAtMs));
    this.#last = seq;
    // Announces everything from one chunk of the socket together.
    if (this.#gathered.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const pokes = this.#gathered;
    if (pokes.length === 0) return;
    this.#gathered = [];
    const page = { epoch: this.#log.id, after: this.#after, upTo: this.#last, pokes };
    this.#after = this.#last;
    for (const announced of this.#followers) announced(page);
    for (const poke of pokes) this.#pokes.release(poke);
  }

  #wake(): void {
    for (const announced of this.#followers) announced('wake-up');
  }
}
