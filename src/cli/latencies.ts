/** Width of a bucket, and so the resolution of the quantiles: 2 %. */
const step = Math.log(1.02);
/** Upper bound of the first bucket: a microsecond. */
const leastMs = 0.001;
/** Enough for six minutes; anything longer is counted in the last one. */
const buckets = 1_000;

/** A histogram of durations, in constant memory. */
export class Latencies {
  count = 0;
  readonly #counts = new Float64Array(buckets);

  add(ms: number): void {
    this.count++;
    const bucket = Math.ceil(Math.log(ms / leastMs) / step);
    this.#counts[Math.min(buckets - 1, Math.max(0, bucket))]!++;
  }

  /** 0 if nothing was counted. */
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
