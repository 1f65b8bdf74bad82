import type { LogId } from '../log-id.ts';
import type { RecordBucket, RecordChange } from './record-bucket.ts';

/** Records of which namespace each log belongs to. They change together with the record of the namespace. */
export class LogOwners {
  readonly #bucket: RecordBucket;

  constructor(bucket: RecordBucket) {
    this.#bucket = bucket;
  }

  /** Id of the log's namespace. Null: it lost the log for good; undefined: the log had none yet. */
  async of(log: LogId): Promise<string | null | undefined> {
    return (await this.#bucket.get<string | null>(keyOf(log)))?.value;
  }

  /** The change that gives a new log to a namespace. */
  given(log: LogId, namespace: string): RecordChange {
    return { key: keyOf(log), revision: 0, value: namespace };
  }

  /** The change that takes a log from its namespace for good. */
  async taken(log: LogId): Promise<RecordChange> {
    const key = keyOf(log);
    return { key, revision: (await this.#bucket.get(key))?.revision ?? 0, value: null, isDeleted: true };
  }

  /** Makes sure that no namespace ever gets a log that had none: false where one does. */
  async disown(log: LogId): Promise<boolean> {
    return this.#bucket.change([{ key: keyOf(log), revision: 0, value: null, isDeleted: true }]);
  }
}

function keyOf(log: LogId): string {
  return `log.${log}`;
}
