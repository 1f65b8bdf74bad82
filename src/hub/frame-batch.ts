import type { Poke } from '../message/poke.ts';
import { type BufferLease, type BufferPool, bufferSizes } from '../pool/buffer-pool.ts';
import { type FrameEncoder, frameBytesAtMost } from '../sse/frame.ts';
import type { FanOutGroup } from './fan-out-group.ts';
import type { GroupIndex } from './group-index.ts';

const smallestBuffer: number = bufferSizes[0];
const largestBuffer: number = bufferSizes[bufferSizes.length - 1]!;

/**
 * Writing to a thousand sockets takes milliseconds, and so would writing the next poke right after it. Therefore, while
 * pokes arrive within 0.2 ms of each other, the next flush is delayed by at most a multiple of the previous flush's
 * duration. One write then carries several frames: with one publisher that awaits each answer, this gives 10 times the
 * deliveries. A publisher with a fixed rate rarely sends its next poke that soon, so its pokes are not delayed. After a
 * batch of many pokes more are likely, so the delay may be longer. Measured in load/results: fan-out,
 * concurrent-publishers, latency.
 */
const delays = { behindFew: { share: 1, longestMs: 4 }, behindMany: { share: 2, longestMs: 16 } } as const;
const manyPokes = 16;
const closePokesMs = 0.2;
/**
 * A durable store announces pokes in groups: all writers of a commit get their answers together, then send their next
 * messages. The next pokes arrive within this time of the previous ones. If a flush delayed answers and commits, they
 * arrive within the duration of that flush.
 */
const leastCloseGroupsMs = 4;
const groupPollMs = 1;

/**
 * If flushes take less than this, a poke is flushed before its append is answered, so subscribers do not wait for the
 * answer.
 */
const quickFlushMs = 1;

/** Dependencies of a batch. */
export type FrameBatchOptions = {
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  /** Called for each poke written to a subscriber, with the milliseconds since its append if known. */
  readonly delivered: (delayMs: number) => void;
};

/** The part of a log that a batch uses. */
export interface BatchedLog {
  /** Tag of the log's epoch, part of each event id. */
  readonly tag: string;
  readonly groups: GroupIndex;
  /** Whether the batch holds frames of this log. Maintained by the batch. */
  hasPending: boolean;
  /** Called after the log's frames were written. */
  flushed(): void;
}

/**
 * Collects the frames of all logs for one flush: usually those of one turn of the event loop, under load those of a
 * flush delay. Each poke is encoded once; each group's frames are written to each member in one call.
 */
export class FrameBatch {
  /** Totals since the start. */
  readonly stats = { framesEncoded: 0, pokes: 0, bytes: 0 };
  readonly #options: FrameBatchOptions;
  #lease: BufferLease | undefined = undefined;
  #used = 0;
  #isFlushScheduled = false;
  /** While pokes keep arriving, there is no flush before this time (`performance.now()`). */
  #delayedUntilMs = 0;
  #lastFlushMs = 0;
  #lastPokeAtMs = 0;
  #isBehindMany = false;
  readonly #gathering: FanOutGroup[] = [];
  readonly #logs: BatchedLog[] = [];
  readonly #appendTimesMs: number[] = [];
  // The poke being routed, and the index of its frame; -1 until the first group selects it.
  #poke: Poke | undefined = undefined;
  #log: BatchedLog | undefined = undefined;
  #frameStart = -1;

  constructor(options: FrameBatchOptions) {
    this.#options = options;
  }

  /** Adds the poke to the groups of its log that select it. */
  add(poke: Poke, log: BatchedLog): void {
    this.#makeRoom(frameBytesAtMost(poke));
    this.#poke = poke;
    this.#log = log;
    this.#frameStart = -1;
    log.groups.route(poke, this.#found);
  }

  /** Writes everything collected so far. */
  flush(): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    const startMs = performance.now();
    for (const group of this.#gathering) {
      const members = group.members.length;
      this.stats.pokes += group.count * members;
      this.stats.bytes += group.deliver(lease, this.#options.buffers) * members;
    }
    this.#gathering.length = 0;
    lease.release();
    const nowMs = performance.now();
    this.#isBehindMany = this.#appendTimesMs.length >= manyPokes;
    const { share, longestMs } = this.#isBehindMany ? delays.behindMany : delays.behindFew;
    this.#lastFlushMs = nowMs - startMs;
    this.#delayedUntilMs = nowMs + Math.min(this.#lastFlushMs * share, longestMs);
    for (const appendedAtMs of this.#appendTimesMs) {
      if (appendedAtMs > 0) this.#options.delivered(nowMs - appendedAtMs);
    }
    this.#appendTimesMs.length = 0;
    for (const log of this.#logs.splice(0)) {
      log.hasPending = false;
      log.flushed();
    }
  }

  readonly #found = (group: FanOutGroup): void => {
    const poke = this.#poke!;
    if (this.#frameStart === -1) this.#encode(poke, this.#log!);
    if (group.count === 0) this.#gathering.push(group);
    group.gather(this.#frameStart, this.#used, poke.globalPosition);
  };

  /** Makes room for one more frame: moves to a larger buffer, or flushes the largest one. */
  #makeRoom(frameBytes: number): void {
    const lease = this.#lease;
    if (lease === undefined || this.#used + frameBytes <= lease.bytes.length) return;
    if (lease.bytes.length === largestBuffer) {
      this.flush();
      return;
    }
    this.#lease = this.#options.buffers.acquire(lease.bytes.length * 4);
    lease.bytes.copy(this.#lease.bytes, 0, 0, this.#used);
    lease.release();
  }

  #encode(poke: Poke, log: BatchedLog): void {
    this.#lastPokeAtMs = performance.now();
    if (this.#lease === undefined) {
      this.#lease = this.#options.buffers.acquire(smallestBuffer);
      this.#used = 0;
      this.#scheduleFlush();
    }
    if (!log.hasPending) {
      log.hasPending = true;
      this.#logs.push(log);
    }
    this.#frameStart = this.#used;
    this.#used = this.#options.encoder.encode(poke, log.tag, this.#lease.bytes, this.#used);
    this.stats.framesEncoded++;
    this.#appendTimesMs.push(poke.appendedAtMs);
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    const isQuick = this.#lastFlushMs < quickFlushMs && this.#lastPokeAtMs >= this.#delayedUntilMs;
    if (isQuick) queueMicrotask(this.#flushScheduled);
    else setImmediate(this.#flushScheduled);
  }

  readonly #flushScheduled = (): void => {
    const nowMs = performance.now();
    const quietMs = nowMs - this.#lastPokeAtMs;
    if (nowMs < this.#delayedUntilMs && quietMs < closePokesMs) {
      setImmediate(this.#flushScheduled);
      return;
    }
    // With a timer rather than `setImmediate`, to leave the processor to the store's threads.
    const closeGroupsMs = Math.max(leastCloseGroupsMs, this.#lastFlushMs);
    if (this.#isBehindMany && nowMs + groupPollMs < this.#delayedUntilMs && quietMs < closeGroupsMs) {
      setTimeout(this.#flushScheduled, groupPollMs);
      return;
    }
    this.#isFlushScheduled = false;
    this.flush();
  };
}
