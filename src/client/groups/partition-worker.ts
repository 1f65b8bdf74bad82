import type { ClientError } from '../client-error.ts';
import type { Message } from '../messages.ts';
import type { GroupPartition } from './consume-group.ts';
import type { Floor, GroupEvents } from './group-events.ts';
import type { Ack } from './group-requests.ts';
import { defaultRetryMs, HeldStreams, type Outcome } from './held-streams.ts';
import type { PartitionHost } from './partition-host.ts';
import { Progress } from './progress.ts';
import { type Delivered, StreamLanes } from './stream-lanes.ts';
import { ownerOf } from './stream-owner.ts';

/** Maximum number of messages read but not acknowledged, which are delivered again after a crash. */
const maxUnacknowledged = 1_000;
/** Longest time without a read while the log grows, milliseconds. */
const maxIdleMs = 30_000;
const logGoneMs = 1_000;

/** Reads one partition in one generation and handles its messages: each stream in order, several streams concurrently. */
export class PartitionWorker<Data> {
  readonly assignment: GroupPartition;
  readonly #host: PartitionHost<Data>;
  readonly #progress: Progress<Data>;
  readonly #floors: readonly Floor[];
  readonly #held: HeldStreams<Data>;
  readonly #lanes: StreamLanes<Data>;
  /** Aborts when another member may own the partition. */
  readonly #dropping = new AbortController();
  /** Aborts when no more handlers may start, including when the partition is dropped. */
  readonly #finishing = new AbortController();
  /** Aborts when the lease expires, and is then replaced. */
  #leased = new AbortController();
  #waking = new AbortController();
  #pokedUpTo = 0;
  #readAtMs = 0;
  #hasMore = true;
  /** Number of running tasks: the read loop, lanes and retries. */
  #running = 0;
  #whenIdle: (() => void)[] = [];

  constructor(given: GroupEvents['assigned'], host: PartitionHost<Data>) {
    const { partition, layout, size, generation } = given;
    this.assignment = { partition, layout, size, generation };
    this.#host = host;
    this.#progress = new Progress(given.position);
    this.#floors = given.floors;
    this.#held = new HeldStreams(
      {
        generation: { partition, layout, generation },
        session: host.session,
        progress: this.#progress,
        requests: host.requests,
        source: host.source,
        options: host.options,
        dropped: this.#dropping.signal,
        attempt: (message, attempt) => this.#attempt(message, attempt),
        readNext: (stream, position) => this.#readNext(stream, position),
        resume: (stream, entries) => this.#lanes.replace(stream, entries),
        settled: host.settled,
        fenced: host.fenced,
      },
      given.held,
    );
    this.#lanes = new StreamLanes({
      progress: this.#progress,
      mayStart: (stream) => this.#mayStart(stream),
      deliver: (message) => this.#deliver(message),
      settled: () => {
        host.settled();
        this.#wake();
      },
      during: (work) => this.#during(work),
    });
    void this.#during(() => this.#readOn());
  }

  get pending(): number {
    return this.#progress.pending;
  }

  /** Global position up to which the partition can be acknowledged. */
  get settledUpTo(): number {
    const { sent, settledUpTo } = this.#progress;
    return this.#held.isDeciding ? sent : Math.max(sent, settledUpTo);
  }

  poke(globalPosition: number): void {
    this.#pokedUpTo = Math.max(this.#pokedUpTo, globalPosition);
    this.#wake();
  }

  /** The server counts all attempts before the stream was held as one. */
  retry({ stream, position, attempt }: GroupEvents['retry']): void {
    const inPlace = (this.#host.options.retryMs ?? defaultRetryMs).length;
    void this.#during(() => this.#held.retry({ stream, position, attempt: attempt > 1 ? attempt + inPlace : 1 }));
  }

  /** Continues after the lease was extended, or on a new connection, because pokes may have been lost before it. */
  resume(): void {
    this.#lanes.resume();
    void this.#during(() => this.#held.resume());
    this.#wake();
  }

  /** Retention deleted messages up to this global position. */
  forgotten(upTo: number): void {
    this.#progress.readUpTo = Math.max(this.#progress.readUpTo, upTo);
    this.#hasMore = true;
    this.#wake();
  }

  /**
   * Continues on a new connection. `position`: the server's checkpoint, which only retention moves beyond the messages
   * that were read.
   */
  reconnected(position: number): void {
    if (position > this.#progress.readUpTo) this.forgotten(position);
    this.#pokedUpTo = Math.max(this.#pokedUpTo, this.#host.head());
    this.resume();
  }

  /** Notifies running handlers that the lease has expired. */
  expire(): void {
    this.#leased.abort();
    this.#leased = new AbortController();
  }

  /** Starts no more handlers, and resolves when none is running. */
  async finish(): Promise<void> {
    this.#finishing.abort();
    while (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /** Stops everything: another member may own the partition. */
  drop(): void {
    this.#dropping.abort();
    this.#finishing.abort();
    this.expire();
    this.#held.acknowledged();
  }

  /** The next acknowledgement to send; undefined if nothing new is settled. */
  takeAck(): Ack | undefined {
    const position = this.settledUpTo;
    if (position <= this.#progress.acked) return undefined;
    this.#progress.sent = position;
    const { partition, layout, generation } = this.assignment;
    return { partition, layout, generation, position };
  }

  acknowledge(position: number): void {
    this.#progress.acknowledge(position);
    this.#held.acknowledged();
    this.#wake();
  }

  /** Runs work that {@link finish} waits for. A rejection ends the member, unless the partition was dropped. */
  async #during(work: () => Promise<void>): Promise<void> {
    this.#running++;
    try {
      await work();
    } catch (error) {
      // After LOG_GONE the server ends the connection, and assigns the partitions of the new log.
      if (!this.#dropping.signal.aborted && (error as ClientError).code !== 'LOG_GONE') this.#host.failed(error);
    } finally {
      if (--this.#running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async #readOn(): Promise<void> {
    const { source, head, options } = this.#host;
    const { batchSize = 100 } = options;
    const { signal } = this.#finishing;
    while (!signal.aborted) {
      const { pending, length, readUpTo } = this.#progress;
      const isBehind = this.#hasMore || this.#pokedUpTo > readUpTo;
      const hasRoom = pending < batchSize && length < maxUnacknowledged && (pending === 0 || this.#host.hasRoom());
      if (isBehind && hasRoom) {
        await this.#readPage(batchSize);
        continue;
      }
      this.#waking = new AbortController();
      await source.pause(maxIdleMs, signal, this.#waking.signal);
      // Leases wake it more often than that.
      if (performance.now() - this.#readAtMs >= maxIdleMs) this.#pokedUpTo = Math.max(this.#pokedUpTo, head());
    }
  }

  async #readPage(batchSize: number): Promise<void> {
    const { source, epoch, head, category, options } = this.#host;
    const { partition, size } = this.assignment;
    const { signal } = this.#finishing;
    this.#readAtMs = performance.now();
    // Messages up to this head are on this page or later ones.
    const upTo = head();
    const position = this.#progress.readUpTo + 1;
    const asked = { category, consumer: partition, size, position, epoch, batchSize, signal, retryForMs: 0 };
    let page: Message<Data>[];
    try {
      page = await source.read<Data>(source.transport, asked);
    } catch (error) {
      if (signal.aborted) return;
      const { code, passes } = error as ClientError;
      // After LOG_GONE the server ends the connection; after LOG_FORGOTTEN a `forgotten` event moves the position.
      if (code !== 'LOG_GONE' && code !== 'LOG_FORGOTTEN' && passes !== true) throw error;
      source.call(() => options.onError?.(error, undefined), undefined);
      await source.pause(logGoneMs, signal);
      return;
    }
    for (const message of page) this.#take(message);
    this.#hasMore = page.length >= batchSize;
    const last = page.at(-1)?.globalPosition ?? 0;
    this.#progress.readUpTo = Math.max(this.#progress.readUpTo, last, this.#hasMore ? 0 : upTo);
    this.#host.settled();
  }

  #take(message: Message<Data>): void {
    const { stream, globalPosition } = message;
    const entry = this.#progress.add(message);
    const isSettled = this.#floors.some(
      ({ size, partition, upTo }) => globalPosition <= upTo && ownerOf(stream, size) === partition,
    );
    // A stream may be retried and released before the first page arrives.
    if (isSettled || this.#held.isHandled(message)) this.#progress.move(entry, 'settled');
    else if (this.#held.isWaiting(stream)) this.#progress.move(entry, 'skipped');
    else this.#lanes.enqueue(entry);
  }

  async #readNext(stream: string, position: number): Promise<Message<Data> | undefined> {
    const { source, epoch } = this.#host;
    const { signal } = this.#dropping;
    const asked = { stream, position, epoch, batchSize: 1, signal, retryForMs: Number.POSITIVE_INFINITY };
    const page = await source.read<Data>(source.transport, asked);
    return page[0];
  }

  #mayStart(stream: string): boolean {
    return !this.#finishing.signal.aborted && !this.#held.has(stream) && this.#host.mayStart();
  }

  /** Retries a message until it is settled or its stream is held. */
  async #deliver(message: Message<Data>): Promise<Delivered> {
    const { source, options } = this.#host;
    const {
      retryMs = defaultRetryMs,
      maxAttempts = 10,
      onPoison = 'hold',
      retryHeld: { minMs = 30_000 } = {},
    } = options;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(message, attempt);
      if (outcome === 'settled') this.#held.handled(message);
      if (outcome === 'settled' || outcome === 'stopped') return outcome;
      const isLast = attempt >= maxAttempts;
      if (onPoison === 'hold' && (isLast || attempt > retryMs.length)) {
        const answer = await this.#held.hold(message, outcome.error, attempt);
        if (answer !== 'full') return answer;
      }
      if (onPoison === 'stop' && isLast) throw this.#poison(message, outcome.error, attempt);
      await source.pause(retryMs[attempt - 1] ?? minMs, this.#finishing.signal);
    }
  }

  #poison({ id, stream, position, globalPosition }: Message<Data>, cause: unknown, attempt: number): ClientError {
    const text = `The message ${stream} ${position} failed ${attempt} times: ${cause}`;
    const details = { id, stream, position, globalPosition };
    return new this.#host.source.ClientError('POISON', text, { cause, details });
  }

  async #attempt(message: Message<Data>, attempt: number): Promise<Outcome> {
    const { source, slots, handler, options } = this.#host;
    await slots.acquire(message.stream);
    const { signal } = this.#leased;
    try {
      if (this.#finishing.signal.aborted || !this.#host.mayStart()) return 'stopped';
      await handler(message, { attempt, generation: this.assignment.generation, signal });
      return 'settled';
    } catch (error) {
      source.call(() => options.onError?.(error, message as Message), undefined);
      // A handler that rejects because of the signal has not failed.
      return signal.aborted ? 'stopped' : { error };
    } finally {
      slots.release(message.stream);
    }
  }

  #wake(): void {
    this.#waking.abort();
  }
}
