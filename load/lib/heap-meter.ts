import type { Bench } from './bench.ts';
import { sumOf } from './exposition.ts';

type HeapReading = { readonly allocatedBytes: number; readonly collections: number; readonly collectionMs: number };

const allocated = 'pokewire_process_allocated_bytes_total';
const collected = 'nodejs_gc_duration_seconds';
const lent = /^pokewire_pool_acquires_total\{pool="buffers-(\d+)",result="miss"\} (\d+)/gm;

/**
 * The server's allocations between two moments, on the JavaScript heap and in pooled buffers, and its garbage
 * collections. A scrape allocates as much as hundreds of appends, so its share is measured by two consecutive scrapes
 * and subtracted.
 */
export class HeapMeter {
  readonly #bench: Bench;
  readonly #before: HeapReading;
  readonly #scrapeBytes: number;

  private constructor(bench: Bench, first: HeapReading, second: HeapReading) {
    this.#bench = bench;
    this.#before = second;
    this.#scrapeBytes = second.allocatedBytes - first.allocatedBytes;
  }

  static async start(bench: Bench): Promise<HeapMeter> {
    return new HeapMeter(bench, await reading(bench), await reading(bench));
  }

  async read(): Promise<HeapReading> {
    const now = await reading(this.#bench);
    return {
      allocatedBytes: now.allocatedBytes - this.#before.allocatedBytes - this.#scrapeBytes,
      collections: now.collections - this.#before.collections,
      collectionMs: now.collectionMs - this.#before.collectionMs,
    };
  }
}

async function reading(bench: Bench): Promise<HeapReading> {
  const text = await bench.scrape();
  const bufferBytes = [...text.matchAll(lent)].reduce((sum, [, bytes, made]) => sum + Number(bytes) * Number(made), 0);
  return {
    allocatedBytes: sumOf(text, allocated) + bufferBytes,
    collections: sumOf(text, `${collected}_count`),
    collectionMs: sumOf(text, `${collected}_sum`) * 1_000,
  };
}
