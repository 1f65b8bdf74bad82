import type { Poke } from '../message/poke.ts';
import { type BufferLease, type BufferPool, bufferSizes } from '../pool/buffer-pool.ts';
import { type FrameEncoder, frameBytesAtMost } from '../sse/frame.ts';
import type { FanOutGroup } from './fan-out-group.ts';
import type { GroupIndex } from './group-index.ts';

const smallestBuffer: number = bufferSizes[0];
const largestBuffer: number = bufferSizes[bufferSizes.length - 1]!;

/**
 * Writing to a thousand sockets takes milliseconds, and a thousand more for the next poke right behind it. So while pokes keep
 * coming, each within 0.2 ms of the one before, the next flush is delayed, at most by a share of the time that the last one
 * took: what gathers costs one write together, 10 times the deliveries with one publisher that waits for its answers. A
 * publisher that keeps to a clock never has its next poke there so soon, and nothing is delayed for it. Where many gathered,
 * more are coming, and a longer delay gathers more. load/results: fan-out, concurrent-publishers, latency.
 */
const delays = { behindFew: { share: 1, longestMs: 4 }, behindMany: { share: 2, longestMs: 16 } } as const;
const manyPokes = 16;
const closePokesMs = 0.2;
/** A durable store announces pokes in groups: the writers of one commit get their answers together, and send their next messages. */
const closeGroupsMs = 4;
const groupPollMs = 1;

/** A flush that is over so soon is made before the append that caused it is answered, which saves its subscribers that time. */
const quickFlushMs = 1;

/** What a batch is made from. */
export type FrameBatchOptions = {
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  /** Called for each poke that was written to a subscriber, with the milliseconds since its append where known. */
  readonly delivered: (delayMs: number) => void;
};

/** A log's part in the batch. */
export interface BatchedLog {
  /** Of the log's epoch, for ids. */
  readonly tag: string;
  readonly groups: GroupIndex;
  /** Whether the batch holds frames of it; kept by the batch. */
  hasPending: boolean;
  /** Its frames were written. */
  flushed(): void;
}

/**
 * Gathers the frames of all logs for one flush: mostly those of one turn of the event loop, under load those of a flush
 * delay. Each poke is encoded once; at the flush each group's frames go to each member in one write.
 */
export class FrameBatch {
  /** Counts since the start. */
  readonly stats = { framesEncoded: 0, pokes: 0, bytes: 0 };
  readonly #options: FrameBatchOptions;
  #lease: BufferLease | undefined = undefined;
  #used = 0;
  #isFlushScheduled = false;
  /** While pokes keep coming no flush before, by `performance.now()`. */
  #delayedUntilMs = 0;
  #lastFlushMs = 0;
  #lastPokeAtMs = 0;
  #isBehindMany = false;
  readonly #gathering: FanOutGroup[] = [];
  readonly #logs: BatchedLog[] = [];
  readonly #appendTimesMs: number[] = [];
  // The poke being routed, and where its frame lies; -1 until the first group wants it.
  #poke: Poke | undefined = undefined;
  #log: BatchedLog | undefined = undefined;
  #frameStart = -1;

  constructor(options: FrameBatchOptions) {
    this.#options = options;
  }

  /** Adds the poke for those groups of its log that it concerns. */
  add(poke: Poke, log: BatchedLog): void {
    this.#makeRoom(frameBytesAtMost(poke));
    this.#poke = poke;
    this.#log = log;
    this.#frameStart = -1;
    log.groups.route(poke, this.#found);
  }

  /** Writes what was gathered, now. */
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

  /** Moves to a larger buffer when the frame may not fit, and out of the largest one by a flush. */
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
    // By a timer, which leaves the processor to the threads of the store.
    if (this.#isBehindMany && nowMs + groupPollMs < this.#delayedUntilMs && quietMs < closeGroupsMs) {
      setTimeout(this.#flushScheduled, groupPollMs);
      return;
    }
    this.#isFlushScheduled = false;
    this.flush();
  };
}
