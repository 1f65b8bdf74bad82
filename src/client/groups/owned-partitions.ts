import type { WorkerSource } from '../worker-source.ts';
import { AckRounds, acksPerRequest } from './ack-rounds.ts';
import type { ConsumeGroupOptions, GroupHandler } from './consume-group.ts';
import { keyOf, type PartitionKey } from './deadline-book.ts';
import type { GroupEvents } from './group-events.ts';
import type { Ack, GroupRequests } from './group-requests.ts';
import { HandlerSlots } from './handler-slots.ts';
import type { MemberLease } from './member-lease.ts';
import { PartitionWorker } from './partition-worker.ts';

/** Maximum number of pending messages of all partitions together. A partition without any may still read a page. */
const maxPending = 2_000;

type OwnedPartitionsParts<Data> = {
  readonly source: WorkerSource;
  readonly category: string;
  readonly handler: GroupHandler<Data>;
  readonly options: ConsumeGroupOptions;
  readonly requests: GroupRequests;
  readonly lease: MemberLease;
  /** Aborts all requests. */
  readonly signal: AbortSignal;
  /** Called when the member cannot continue. */
  readonly failed: (error: unknown) => void;
};

/** The partitions of a member. Work on them starts and ends as the server assigns and revokes them. */
export class OwnedPartitions<Data> {
  readonly #parts: OwnedPartitionsParts<Data>;
  readonly #slots: HandlerSlots;
  readonly #acks: AckRounds<PartitionWorker<Data>>;
  readonly #workers = new Map<PartitionKey, PartitionWorker<Data>>();
  #epoch: string | undefined = undefined;
  #head = 0;

  constructor(parts: OwnedPartitionsParts<Data>) {
    const { options, requests, signal, failed } = parts;
    this.#parts = parts;
    this.#slots = new HandlerSlots(options.concurrency ?? 8);
    this.#acks = new AckRounds(
      () => this.#workers.values(),
      (acks) => requests.ack(this.#session, acks, signal),
      (worker) => this.#fenced(worker),
      failed,
    );
  }

  /** Drops all partitions of another session or log. Must be called before the lease learns of the session. */
  joined({ session, epoch, head }: GroupEvents['joined']): void {
    const isOther = this.#parts.lease.session !== session || (this.#epoch ?? epoch) !== epoch;
    for (const worker of isOther ? [...this.#workers.values()] : []) {
      this.#parts.lease.fenced(worker.assignment);
      this.#drop(worker);
    }
    this.#epoch = epoch;
    this.#head = isOther ? head : Math.max(this.#head, head);
  }

  assigned(given: GroupEvents['assigned']): void {
    const action = this.#parts.lease.assigned(given);
    const old = this.#workers.get(keyOf(given));
    if (action === 'release') this.#letGo({ ...given, position: 0 });
    if (action === 'continue') old?.reconnected(given.position);
    if (action === 'start') this.#start(given, old);
  }

  leased(lease: GroupEvents['lease']): void {
    this.#head = Math.max(this.#head, lease.head);
    this.#parts.lease.leased(lease);
    for (const worker of this.#workers.values()) worker.resume();
  }

  /** Notifies the handlers of a partition whose deadline has passed. */
  expired(key: PartitionKey): void {
    this.#workers.get(key)?.expire();
  }

  revoked(given: GroupEvents['revoke']): void {
    const action = this.#parts.lease.revoked(given);
    const worker = this.#workers.get(keyOf(given));
    if (action === 'release') {
      if (worker !== undefined) this.#drop(worker);
      this.#letGo({ ...given, position: 0 });
    } else if (action === 'finish' && worker !== undefined) void this.#release(worker);
  }

  poked(given: GroupEvents['poke']): void {
    this.#head = Math.max(this.#head, given.globalPosition);
    this.#find(given)?.poke(given.globalPosition);
  }

  retry(given: GroupEvents['retry']): void {
    this.#find(given)?.retry(given);
  }

  forgotten(given: GroupEvents['forgotten']): void {
    const worker = this.#find(given);
    if (worker === undefined) return;
    worker.forgotten(given.lost.to);
    this.#call(({ onForgotten }) => onForgotten?.(given.lost, worker.assignment));
  }

  /** Starts no more handlers. When none is running, resolves to the acknowledgements with which the member leaves. */
  async finish(): Promise<Ack[]> {
    await Promise.all(Array.from(this.#workers.values(), (worker) => worker.finish()));
    this.#acks.stop();
    const acks = Array.from(this.#workers.values(), ({ assignment, settledUpTo }) => {
      const { layout, partition, generation } = assignment;
      return { layout, partition, generation, position: settledUpTo };
    });
    return acks.slice(0, acksPerRequest);
  }

  /** Called when the member has left: others own its partitions. */
  left(): void {
    for (const worker of [...this.#workers.values()]) this.#drop(worker, 'released');
  }

  get #session(): string {
    return this.#parts.lease.session!;
  }

  #start(given: GroupEvents['assigned'], old: PartitionWorker<Data> | undefined): void {
    if (old !== undefined) this.#drop(old);
    const { source, category, handler, options, requests, lease, failed } = this.#parts;
    const worker: PartitionWorker<Data> = new PartitionWorker<Data>(given, {
      source,
      category,
      session: this.#session,
      handler,
      options,
      slots: this.#slots,
      requests,
      epoch: this.#epoch!,
      head: () => this.#head,
      hasRoom: () => this.#pending < maxPending,
      mayStart: () => lease.mayStart(given),
      settled: () => this.#acks.settled(),
      fenced: () => this.#fenced(worker),
      failed,
    });
    this.#workers.set(keyOf(given), worker);
    this.#call(({ onAssigned }) => onAssigned?.(worker.assignment, given.position));
  }

  /** Releases the partition after its running handlers have ended. */
  async #release(worker: PartitionWorker<Data>): Promise<void> {
    await worker.finish();
    if (this.#workers.get(keyOf(worker.assignment)) !== worker) return;
    this.#letGo({ ...worker.assignment, position: worker.settledUpTo });
    this.#drop(worker, 'released');
  }

  /** Retried until answered; otherwise other members must wait for the lease to expire. */
  #letGo({ layout, partition, generation, position }: Ack): void {
    const { lease, requests, signal, failed } = this.#parts;
    const given = { layout, partition, generation };
    lease.released(given);
    requests.release(this.#session, { ...given, position }, signal).catch(failed);
  }

  /**
   * Releases the partition after its running handlers have ended. Otherwise a node that refuses by mistake, because it has not
   * learned of a new log yet, would leave it with a member that does not work on it.
   */
  #fenced(worker: PartitionWorker<Data>): void {
    const { lease, requests, signal, failed } = this.#parts;
    const { layout, partition, generation } = worker.assignment;
    const session = this.#session;
    lease.fenced(worker.assignment);
    this.#drop(worker);
    const release = () => requests.release(session, { layout, partition, generation, position: 0 }, signal);
    worker.finish().then(release).catch(failed);
  }

  /** Does nothing if another worker has replaced it. */
  #drop(worker: PartitionWorker<Data>, why: 'released' | 'fenced' = 'fenced'): void {
    const key = keyOf(worker.assignment);
    if (this.#workers.get(key) !== worker) return;
    this.#workers.delete(key);
    worker.drop();
    this.#call(({ onLost }) => onLost?.(worker.assignment, why));
  }

  /** Finds a partition for an event without a layout; no two layouts share a generation. */
  #find(given: { readonly partition: number; readonly generation: number }): PartitionWorker<Data> | undefined {
    for (const worker of this.#workers.values()) {
      const { partition, generation } = worker.assignment;
      if (partition === given.partition && generation === given.generation) return worker;
    }
    return undefined;
  }

  get #pending(): number {
    let sum = 0;
    for (const { pending } of this.#workers.values()) sum += pending;
    return sum;
  }

  #call(callback: (options: ConsumeGroupOptions) => void): void {
    this.#parts.source.call(callback, this.#parts.options);
  }
}
