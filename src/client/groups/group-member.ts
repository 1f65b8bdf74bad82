import type { ClientError } from '../client-error.ts';
import type { StreamEvent } from '../event-stream.ts';
import type { WorkerSource } from '../worker-source.ts';
import { AckRounds, acksPerRequest } from './ack-rounds.ts';
import type { ConsumeGroupOptions, GroupHandler, GroupState, GroupWork, LeaveOptions } from './consume-group.ts';
import * as deadlines from './deadline-book.ts';
import { GroupConnections } from './group-connections.ts';
import { type GroupEvents, parseGroupEvent } from './group-events.ts';
import { type Ack, GroupRequests } from './group-requests.ts';
import { HandlerSlots } from './handler-slots.ts';
import { LeaseClock } from './lease-clock.ts';
import { PartitionWorker } from './partition-worker.ts';

/** Most pending messages of all partitions together. A partition without any may still read a page. */
const maxPending = 2_000;
/** Interval of beats before the server has sent its own. */
const firstBeatMs = 3_000;
/** Number of beat intervals without data after which the connection counts as lost. */
const maxSilentBeats = 3.5;
/** Time-out for leaving, about one lease; after that other members take over anyway. */
const leaveMs = 15_000;

/** A member of a group: its session, its lease and its partitions. */
export class GroupMember<Data> {
  readonly #source: WorkerSource;
  readonly #work: GroupWork & { readonly member: string };
  readonly #handler: GroupHandler<Data>;
  readonly #options: ConsumeGroupOptions;
  readonly #stopping: AbortSignal;
  readonly #clock = new LeaseClock();
  readonly #slots: HandlerSlots;
  readonly #requests: GroupRequests;
  readonly #acks: AckRounds<PartitionWorker<Data>>;
  readonly #connections: GroupConnections;
  readonly #partitions = new Map<deadlines.PartitionKey, PartitionWorker<Data>>();
  /** Aborts the connection and all requests. */
  readonly #closing = new AbortController();
  readonly #leaving = new AbortController();
  #book = deadlines.emptyBook;
  #epoch: string | undefined = undefined;
  #head = 0;
  #beatMs = firstBeatMs;
  #beats: ReturnType<typeof setInterval> | undefined = undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Why the member ends; undefined if it was stopped. */
  #why: unknown = undefined;

  constructor(
    source: WorkerSource,
    work: GroupWork,
    handler: GroupHandler<Data>,
    options: ConsumeGroupOptions,
    stopping: AbortSignal,
  ) {
    const { member = crypto.getRandomValues(new Uint32Array(2)).join('-') } = work;
    this.#source = source;
    this.#work = { ...work, member };
    this.#handler = handler;
    this.#options = options;
    this.#stopping = stopping;
    this.#slots = new HandlerSlots(options.concurrency ?? 8);
    this.#requests = new GroupRequests(source, work.group, (error) => this.#noteError(error));
    this.#acks = new AckRounds(
      () => this.#partitions.values(),
      (acks) => this.#requests.ack(this.#session, acks, this.#closing.signal),
      (partition) => this.#fenced(partition),
      (error) => this.#fail(error),
    );
    this.#connections = new GroupConnections(
      source,
      {
        attempted: () => this.#attempted(),
        silenceMs: () => this.#beatMs * maxSilentBeats,
        take: (event) => this.#take(event),
        disconnected: () => this.#disconnected(),
        changed: (state) => this.#tell(state),
      },
      this.#closing.signal,
    );
  }

  /** Resolves when the member has left; rejects if it cannot continue. */
  async run(): Promise<void> {
    const connected = this.#connections.run().catch((error) => this.#fail(this.#endOf(error)));
    const { signal } = this.#leaving;
    const leave = () => this.#leaving.abort();
    this.#stopping.addEventListener('abort', leave);
    if (this.#stopping.aborted) leave();
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    try {
      await this.#leave();
    } finally {
      this.#stopping.removeEventListener('abort', leave);
      this.#closing.abort();
      await connected;
    }
    this.#tell({ name: 'ended', why: this.#why as ClientError | undefined });
    if (this.#why !== undefined) throw this.#why;
  }

  get #session(): string {
    return this.#book.session!;
  }

  #attempted(): Record<string, string> {
    this.#book = deadlines.attempted(this.#book, this.#clock.now());
    const { attempt, session } = this.#book;
    const { category, group, member, size } = this.#work;
    const known = session === undefined ? {} : { session, attempt: String(attempt) };
    const made = size === undefined ? {} : { size: String(size) };
    return { category, group, member, ...made, ...known };
  }

  #disconnected(): boolean {
    const hadJoined = this.#book.connection !== undefined;
    this.#book = deadlines.disconnected(this.#book);
    clearInterval(this.#beats);
    return hadJoined;
  }

  /** Throws to close the connection. */
  #take(told: StreamEvent): void {
    const event = parseGroupEvent(told);
    if (event.type === 'joined') this.#joined(event.value);
    else if (event.type === 'assigned') this.#assigned(event.value);
    else if (event.type === 'lease') this.#leased(event.value);
    else if (event.type === 'revoke') this.#revoked(event.value);
    else if (event.type === 'poke') {
      this.#head = Math.max(this.#head, event.value.globalPosition);
      this.#partition(event.value)?.poke(event.value.globalPosition);
    } else if (event.type === 'retry') this.#partition(event.value)?.retry(event.value);
    else if (event.type === 'forgotten') {
      const partition = this.#partition(event.value);
      if (partition !== undefined) {
        partition.forgotten(event.value.lost.to);
        this.#call(({ onForgotten }) => onForgotten?.(event.value.lost, partition.assignment));
      }
    } else if (event.type === 'end') {
      const { ClientError } = this.#source;
      const code = String(event.value.code).toUpperCase().replaceAll('-', '_');
      throw new ClientError(code, `Ended: ${event.value.code}`);
    }
  }

  #joined(joined: GroupEvents['joined']): void {
    const { session, epoch, head, beatMs } = joined;
    const isOther = this.#book.session !== session || (this.#epoch ?? epoch) !== epoch;
    if (isOther) for (const partition of [...this.#partitions.values()]) this.#fenced(partition);
    this.#book = deadlines.joined(this.#book, joined);
    this.#epoch = epoch;
    this.#head = isOther ? head : Math.max(this.#head, head);
    this.#beatMs = beatMs;
    clearInterval(this.#beats);
    this.#beats = setInterval(() => this.#beat(), beatMs);
    this.#tell({ name: 'joined', member: this.#work.member, session });
  }

  #beat(): void {
    this.#book = deadlines.beaten(this.#book, this.#clock.now());
    void this.#requests.beat(this.#session, this.#book.beat, this.#closing.signal);
  }

  #assigned(given: GroupEvents['assigned']): void {
    const { book, action } = deadlines.assigned(this.#book, given);
    this.#book = book;
    const old = this.#partitions.get(deadlines.keyOf(given));
    if (action === 'release') this.#letGo({ ...given, position: 0 });
    if (action === 'continue') old?.reconnected(given.position);
    if (action === 'start') this.#start(given, old);
  }

  #start(given: GroupEvents['assigned'], old: PartitionWorker<Data> | undefined): void {
    this.#watchExpiry();
    if (old !== undefined) this.#drop(old);
    const partition: PartitionWorker<Data> = new PartitionWorker<Data>(given, {
      source: this.#source,
      category: this.#work.category,
      session: this.#session,
      handler: this.#handler,
      options: this.#options,
      slots: this.#slots,
      requests: this.#requests,
      epoch: this.#epoch!,
      head: () => this.#head,
      hasRoom: () => this.#pending < maxPending,
      mayStart: () => deadlines.mayStart(this.#book, given, this.#clock.now()),
      settled: () => this.#acks.settled(),
      fenced: () => this.#fenced(partition),
      failed: (error) => this.#fail(error),
    });
    this.#partitions.set(deadlines.keyOf(given), partition);
    this.#call(({ onAssigned }) => onAssigned?.(partition.assignment, given.position));
  }

  #leased(lease: GroupEvents['lease']): void {
    this.#head = Math.max(this.#head, lease.head);
    this.#book = deadlines.leased(this.#book, lease);
    this.#watchExpiry();
    for (const partition of this.#partitions.values()) partition.resume();
  }

  #revoked(given: GroupEvents['revoke']): void {
    const { book, action } = deadlines.revoked(this.#book, given);
    this.#book = book;
    const partition = this.#partitions.get(deadlines.keyOf(given));
    if (action === 'release') {
      if (partition !== undefined) this.#drop(partition);
      this.#letGo({ ...given, position: 0 });
    } else if (action === 'finish' && partition !== undefined) void this.#release(partition);
  }

  /** Releases the partition after its running handlers have ended. */
  async #release(partition: PartitionWorker<Data>): Promise<void> {
    await partition.finish();
    if (!this.#remove(partition)) return;
    this.#letGo({ ...partition.assignment, position: partition.settledUpTo });
    partition.drop();
    this.#call(({ onLost }) => onLost?.(partition.assignment, 'released'));
  }

  /** Retried until answered; otherwise other members must wait for the lease to expire. */
  #letGo({ layout, partition, generation, position }: Ack): void {
    const given = { layout, partition, generation };
    this.#book = deadlines.released(this.#book, given);
    const { signal } = this.#closing;
    this.#requests.release(this.#session, { ...given, position }, signal).catch((error) => this.#fail(error));
  }

  #fenced(partition: PartitionWorker<Data>): void {
    this.#book = deadlines.fenced(this.#book, partition.assignment);
    this.#drop(partition);
  }

  #drop(partition: PartitionWorker<Data>): void {
    if (!this.#remove(partition)) return;
    partition.drop();
    this.#call(({ onLost }) => onLost?.(partition.assignment, 'fenced'));
  }

  /** Returns whether the partition was still there. */
  #remove(partition: PartitionWorker<Data>): boolean {
    const key = deadlines.keyOf(partition.assignment);
    return this.#partitions.get(key) === partition && this.#partitions.delete(key);
  }

  /** Finds a partition for an event without a layout; no two layouts share a generation. */
  #partition(given: { readonly partition: number; readonly generation: number }): PartitionWorker<Data> | undefined {
    for (const worker of this.#partitions.values()) {
      const { partition, generation } = worker.assignment;
      if (partition === given.partition && generation === given.generation) return worker;
    }
    return undefined;
  }

  get #pending(): number {
    let sum = 0;
    for (const { pending } of this.#partitions.values()) sum += pending;
    return sum;
  }

  /** Notifies handlers whose lease has expired, and sets a timer for the next deadline. */
  #watchExpiry(): void {
    clearTimeout(this.#expiry);
    const nowMs = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [key, { deadlineMs }] of this.#book.assignments) {
      if (deadlineMs > nowMs) nextMs = Math.min(nextMs, deadlineMs);
      else this.#partitions.get(key)?.expire();
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#expiry = setTimeout(() => this.#watchExpiry(), nextMs - nowMs);
  }

  async #leave(): Promise<void> {
    this.#book = deadlines.leaving(this.#book);
    const { keepMs = 0 } = (this.#stopping.reason ?? {}) as LeaveOptions;
    await Promise.all([...this.#partitions.values()].map((partition) => partition.finish()));
    const { session } = this.#book;
    this.#acks.stop();
    if (session !== undefined) {
      const acks = [...this.#partitions.values()].map(({ assignment, settledUpTo }) => {
        const { layout, partition, generation } = assignment;
        return { layout, partition, generation, position: settledUpTo };
      });
      const signal = AbortSignal.timeout(leaveMs);
      await this.#requests
        .leave(session, acks.slice(0, acksPerRequest), keepMs, signal)
        .catch((error) => this.#noteError(error));
    }
    for (const partition of [...this.#partitions.values()]) {
      this.#remove(partition);
      partition.drop();
      this.#call(({ onLost }) => onLost?.(partition.assignment, 'released'));
    }
    clearTimeout(this.#expiry);
    clearInterval(this.#beats);
  }

  /** If this member has joined the group before, an unknown group was deleted. */
  #endOf(error: unknown): unknown {
    if ((error as ClientError).code !== 'GROUP_NOT_FOUND' || this.#book.session === undefined) return error;
    return new this.#source.ClientError('GROUP_DELETED', 'The group was deleted', { cause: error });
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#why ??= error;
    this.#leaving.abort();
  }

  #tell(state: GroupState): void {
    this.#call(({ onState }) => onState?.(state));
  }

  #noteError(error: unknown): void {
    this.#call(({ onError }) => onError?.(error, undefined));
  }

  #call(callback: (options: ConsumeGroupOptions) => void): void {
    this.#source.call(callback, this.#options);
  }
}
