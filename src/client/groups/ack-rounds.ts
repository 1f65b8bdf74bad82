import type { Ack } from './group-requests.ts';

/** A partition as {@link AckRounds} sees it. */
export type Acknowledged = {
  takeAck(): Ack | undefined;
  acknowledge(position: number): void;
};

/** A round starts this long after a message was settled, milliseconds, or as soon as this many messages are. */
const roundMs = 200;
const roundMessages = 100;
/** Maximum number of partitions per request; the others follow in the next one. */
export const acksPerRequest = 1_000;

/** Batches acknowledgements of all partitions, with one request at a time. */
export class AckRounds<Partition extends Acknowledged> {
  readonly #partitions: () => Iterable<Partition>;
  readonly #send: (acks: readonly Ack[]) => Promise<readonly Ack[]>;
  readonly #fenced: (partition: Partition) => void;
  readonly #failed: (error: unknown) => void;
  #settled = 0;
  #isSending = false;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /** `send` resolves to the acknowledgements refused because a newer generation owns the partition. */
  constructor(
    partitions: () => Iterable<Partition>,
    send: (acks: readonly Ack[]) => Promise<readonly Ack[]>,
    fenced: (partition: Partition) => void,
    failed: (error: unknown) => void,
  ) {
    this.#partitions = partitions;
    this.#send = send;
    this.#fenced = fenced;
    this.#failed = failed;
  }

  /** Call when a partition may have something to acknowledge. */
  settled(): void {
    this.#settled++;
    this.#schedule();
  }

  /** Starts no further round. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#isSending || this.#isStopped) return;
    if (this.#settled >= roundMessages) void this.#round();
    else if (this.#settled > 0) this.#timer ??= setTimeout(() => this.#round(), roundMs);
  }

  async #round(): Promise<void> {
    this.#isSending = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#settled = 0;
    const acks: Ack[] = [];
    const asked: Partition[] = [];
    for (const partition of this.#partitions()) {
      const ack = partition.takeAck();
      if (ack === undefined) continue;
      acks.push(ack);
      asked.push(partition);
      if (acks.length === acksPerRequest) {
        this.settled();
        break;
      }
    }
    try {
      const refused = acks.length === 0 ? [] : await this.#send(acks);
      for (const [at, partition] of asked.entries()) {
        if (refused.includes(acks[at]!)) this.#fenced(partition);
        else partition.acknowledge(acks[at]!.position);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isSending = false;
      // Messages settled during the request have no timer yet.
      this.#schedule();
    }
  }
}
