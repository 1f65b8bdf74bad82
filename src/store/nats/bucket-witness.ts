import type { RecordBucket } from './record-bucket.ts';

/**
 * Detects that a bucket was deleted and created again, by comparing its creation time with the one recorded in another
 * bucket. Only one of several nodes detects it.
 */
export class BucketWitness {
  readonly #records: RecordBucket;
  readonly #key: string;
  readonly #lost: () => void;

  /** Calls `lost` if the bucket was replaced, and records the new one. */
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
