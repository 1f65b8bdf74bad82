import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { median } from '../lib/statistics.ts';

/** Cost of one operation. */
export type Cost = { readonly nsPerOp: number; readonly heapBytesPerOp: number; readonly collections: number };

const repeats = 7;
const repeatMs = 50;

// New in Node 26, and missing from its types.
const allocatedBytes = () =>
  (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes ?? Number.NaN;

/** Like {@link measureAsync}, for a synchronous function. */
export function measure(name: string, run: (count: number) => void): Promise<Cost> {
  return measureAsync(name, run);
}

/**
 * Measures a function that performs `count` operations: warms up, finds a count that takes about 50 ms, repeats that
 * seven times, and returns medians plus the garbage collections of all repeats.
 */
export async function measureAsync(name: string, run: (count: number) => void | Promise<void>): Promise<Cost> {
  let count = 64;
  for (let elapsedMs = 0; elapsedMs < repeatMs; ) {
    count = Math.ceil(count * (elapsedMs > repeatMs / 8 ? (repeatMs * 1.1) / elapsedMs : 2));
    const start = performance.now();
    await run(count);
    elapsedMs = performance.now() - start;
  }
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const ns: number[] = [];
  const bytes: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const allocatedBefore = allocatedBytes();
    const start = performance.now();
    await run(count);
    ns.push(((performance.now() - start) * 1_000_000) / count);
    bytes.push((allocatedBytes() - allocatedBefore) / count);
    // The observer is called between turns.
    await nextTurn();
  }
  observer.disconnect();
  const cost = { nsPerOp: median(ns), heapBytesPerOp: median(bytes), collections };
  console.log(
    `${name.padEnd(58)} ${cost.nsPerOp.toFixed(1).padStart(11)} ns ${cost.heapBytesPerOp.toFixed(2).padStart(12)} B ` +
      `${String(collections).padStart(4)} GC in ${count * repeats}`,
  );
  return cost;
}

/** Keeps a value alive, so that the compiler cannot remove the work that produced it. */
export const sink: { value: unknown } = { value: undefined };
