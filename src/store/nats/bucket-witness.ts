import type { RecordBucket } from './record-bucket.ts';

/**
 * Notices that a bucket was deleted and created again: a record of another bucket, which outlives it, has the time when it was
 * created. Of several nodes one notices it.
 */
export class BucketWitness {
  readonly #records: RecordBucket;
  readonly #key: string;
  readonly #lost: () => void;

  /** Calls `lost` when the bucket is another one than before, which is then known. */
  constructor(records: RecordBucket, key: string, lost: () => void) {
    this.#records = records;
    this.#key = key;
    this.#lost = lost;
  }

  /** Call when the bucket was opened. */
  async compare(created: string): Promise<void> {
    const known = await this.#records.get<string>(this.#key);
    if (known?.value === created) return;
    const isFirst = await this.#records.change([{ key: this.#key, revision: known?.revision ?? 0, value: created }]);
    if (isFirst && known !== undefined) this.#lost();
  }
}
