import type { LogId } from '../log-id.ts';
import type { Namespace } from '../namespace-store.ts';
import { decodeKey, encodeKey } from './bucket-keys.ts';
import type { BucketRecord, RecordBucket } from './record-bucket.ts';

/** A namespace, or the remains of a removed one. */
export type Entry = { readonly namespace: Namespace } | { readonly removed: Removed };

/** The log of a removed namespace and, once known, its head. */
export type Removed = {
  readonly log: LogId;
  readonly reached: number | null;
  /** Id of the namespace while its group records remain. Also absent if a version without groups removed the namespace. */
  readonly uid?: string;
};

export type EntryRecord = BucketRecord<Entry>;

/** Matches the keys of all entries. */
export const everyKey = 'namespace.*';
/** Records read concurrently. */
const atOnce = 64;

/** Reads the records of namespaces, also of removed ones. */
export class NamespaceEntries {
  readonly #bucket: RecordBucket;

  constructor(bucket: RecordBucket) {
    this.#bucket = bucket;
  }

  find(key: string): Promise<EntryRecord | undefined> {
    return this.#bucket.get<Entry>(key);
  }

  keys(): Promise<string[]> {
    return this.#bucket.keys(everyKey);
  }

  /** The entries of these keys that exist, in this order. */
  async *read(keys: readonly string[]): AsyncGenerator<EntryRecord> {
    for (let at = 0; at < keys.length; at += atOnce) {
      const part = await Promise.all(keys.slice(at, at + atOnce).map((key) => this.find(key)));
      yield* part.filter((entry) => entry !== undefined);
    }
  }

  async all(): Promise<EntryRecord[]> {
    return Array.fromAsync(this.read(await this.keys()));
  }
}

export function keyOf(id: string): string {
  return `namespace.${encodeKey(id)}`;
}

export function idOf(key: string): string {
  return decodeKey(key.slice('namespace.'.length));
}

export function namespaceOf(found: EntryRecord | undefined): Namespace | undefined {
  return found !== undefined && 'namespace' in found.value ? found.value.namespace : undefined;
}
