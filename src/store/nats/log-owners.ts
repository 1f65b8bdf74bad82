import type { LogId } from '../log-id.ts';
import type { RecordBucket, RecordChange } from './record-bucket.ts';

/** Records of which namespace each log belongs to. They change together with the record of the namespace. */
export class LogOwners {
  readonly #bucket: RecordBucket;

  constructor(bucket: RecordBucket) {
    this.#bucket = bucket;
  }

  /**
   * Id of the log's namespace. Null: the log was permanently taken from its namespace; undefined: the log has had no
   * namespace yet.
   */
  async of(log: LogId): Promise<string | null | undefined> {
    return (await this.#bucket.get<string | null>(keyOf(log)))?.value;
  }

  /** The change that gives a new log to a namespace. */
  given(log: LogId, namespace: string): RecordChange {
    return { key: keyOf(log), revision: 0, value: namespace };
  }

  /** The change that permanently takes a log from its namespace. */
  async taken(log: LogId): Promise<RecordChange> {
    const key = keyOf(log);
    return { key, revision: (await this.#bucket.get(key))?.revision ?? 0, value: null, isDeleted: true };
  }

  /** Ensures that a log that had no namespace never gets one; resolves to false if it has one. */
  async disown(log: LogId): Promise<boolean> {
    return this.#bucket.change([{ key: keyOf(log), revision: 0, value: null, isDeleted: true }]);
  }
}

function keyOf(log: LogId): string {
  return `log.${log}`;
}
