import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { FastifyBaseLogger } from 'fastify';
import type { LoadMeter, OverloadLimits } from './overload.ts';

/** Memory figures of a process, as `process` provides them. */
export type MemorySource = {
  /** Bytes. */
  memoryUsage(): { readonly rss: number; readonly heapTotal: number; readonly heapUsed: number };
  /** Memory limit of the container in bytes; 0 or more than the machine has: none. */
  constrainedMemory(): number;
};

const resolutionMs = 20;

/**
 * Approximate memory that the process needs in addition to the store, for itself and its work; see docs/operations.md.
 */
const processBytes = 268_435_456;

/** Measures the current process. */
export class ProcessMeter implements LoadMeter {
  /** Memory available to the process, in bytes: the container's limit, or else the machine's memory. */
  readonly memoryBytes: number;
  readonly #source: MemorySource;
  readonly #maxHeapBytes: number;
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  #lastRatio = 0;

  constructor(source: MemorySource) {
    this.#source = source;
    this.memoryBytes = Math.min(source.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
    this.#maxHeapBytes = oldSpaceLimit(this.memoryBytes);
    this.#delay.enable();
  }

  takeEventLoopDelayMs(): number {
    // The timer measures from tick to tick, so an idle loop shows one period.
    const delayMs = this.#delay.max / 1_000_000 - resolutionMs;
    this.#delay.reset();
    return Math.max(0, delayMs);
  }

  /**
   * Used share of the heap at V8's limit, or of the memory at the system's limit, whichever is greater. V8 collects
   * garbage at the latest halfway to its limit, so if nine tenths are used, at least eight are live data.
   */
  memoryRatio(): number {
    try {
      const { rss, heapTotal, heapUsed } = this.#source.memoryUsage();
      // V8 fills its empty heap before it allocates more memory.
      const resident = rss - (heapTotal - heapUsed);
      this.#lastRatio = Math.max(heapUsed / this.#maxHeapBytes, resident / this.memoryBytes);
    } catch {
      // Reading it opens a file, which fails if no file descriptor is free.
    }
    return this.#lastRatio;
  }

  /** Stops measuring. */
  stop(): void {
    this.#delay.disable();
  }
}

/**
 * Heap size in bytes at which V8 aborts, that is when old space is full. The limit it reports includes young space:
 * three semi-spaces of 1/128 of the old space that memory would allow (half of memory, at most 4 GiB).
 */
function oldSpaceLimit(memoryBytes: number): number {
  const { heap_size_limit: heapBytes } = getHeapStatistics();
  const youngBytes = (3 / 128) * Math.min(memoryBytes / 2, 4_294_967_296);
  return Math.max(heapBytes - youngBytes, heapBytes / 2);
}

/**
 * Warns if memory would run out before the store's limit is reached, so that the store cannot refuse appends in time.
 */
export function warnOfStore(
  { storeMaxBytes, maxMemoryPercent }: { readonly storeMaxBytes: number } & OverloadLimits,
  memoryBytes: number,
  log: Pick<FastifyBaseLogger, 'warn'>,
): void {
  const usableBytes = memoryBytes * ((maxMemoryPercent || 100) / 100);
  if (storeMaxBytes + processBytes <= usableBytes) return;
  log.warn(
    { storeMaxBytes, memoryBytes },
    'the process runs out of memory before --store-max-bytes is reached: lower it, or provide more memory',
  );
}
