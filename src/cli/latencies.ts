/** Times are told to 2 %, from a microsecond up. */
const step = Math.log(1.02);
const leastMs = 0.001;
/** Up to some minutes. */
const buckets = 1_000;

/** Counts times by their size, in memory that does not grow with their number. */
export class Latencies {
  count = 0;
  readonly #counts = new Float64Array(buckets);

  add(ms: number): void {
    this.count++;
    const bucket = Math.ceil(Math.log(ms / leastMs) / step);
    this.#counts[Math.min(buckets - 1, Math.max(0, bucket))]!++;
  }

  /** 0 where nothing was counted. */
  get quantiles(): { readonly p50Ms: number; readonly p99Ms: number } {
    return { p50Ms: this.#quantile(0.5), p99Ms: this.#quantile(0.99) };
  }

  #quantile(part: number): number {
    let seen = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen > 0 && seen >= this.count * part) return Number((leastMs * Math.exp(bucket * step)).toPrecision(3));
    }
    return 0;
  }
}
