import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { FastifyBaseLogger } from 'fastify';
import type { LoadMeter, OverloadLimits } from './overload.ts';

/** What a process tells of its memory; `process` does. */
export type MemorySource = {
  /** Bytes. */
  memoryUsage(): { readonly rss: number; readonly heapTotal: number; readonly heapUsed: number };
  /** Limit of its container, bytes; 0, or more than the machine has: none. */
  constrainedMemory(): number;
};

const resolutionMs = 20;

/** What the process takes beside the store, about: itself, and its work; see docs/operations.md. */
const processBytes = 268_435_456;

/** Measures the process that it runs in. */
export class ProcessMeter implements LoadMeter {
  /** Bytes that the process may have in memory: what its container may, else what the machine has. */
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
    // Measured from tick to tick, so that an idle loop shows one period.
    const delayMs = this.#delay.max / 1_000_000 - resolutionMs;
    this.#delay.reset();
    return Math.max(0, delayMs);
  }

  /**
   * Share of the heap at whose end V8 gives up, or of the memory at whose end the system does: the greater one. V8
   * collects garbage halfway to its limit at the latest, so that nine tenths used are at least eight tenths needed.
   */
  memoryRatio(): number {
    try {
      const { rss, heapTotal, heapUsed } = this.#source.memoryUsage();
      // Empty heap is filled again before the process asks for more.
      const resident = rss - (heapTotal - heapUsed);
      this.#lastRatio = Math.max(heapUsed / this.#maxHeapBytes, resident / this.memoryBytes);
    } catch {
      // It opens a file, which cannot be done when no file descriptor is free.
    }
    return this.#lastRatio;
  }

  /** Stops measuring. */
  stop(): void {
    this.#delay.disable();
  }
}

/**
 * Where V8 gives up, bytes: when the space for old objects is full. The limit that it tells includes the space for young
 * ones, three semi-spaces of a 128th of the old space that the memory would give (half of it, at most 4 GiB).
 */
function oldSpaceLimit(memoryBytes: number): number {
  const { heap_size_limit: heapBytes } = getHeapStatistics();
  const youngBytes = (3 / 128) * Math.min(memoryBytes / 2, 4_294_967_296);
  return Math.max(heapBytes - youngBytes, heapBytes / 2);
}

/** Warns when the memory ends before the limit of the store, which then cannot refuse appends in order. */
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
