import { createRequire } from 'node:module';
import {
  type GroupChange,
  type GroupChanges,
  type GroupRecord,
  type GroupStore,
  maxGroupRecords,
} from '../group-store.ts';

// As in stream-directory.ts: Node and Vitest disagree on what its default import is.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof import('sorted-btree');

/** Changes that are remembered; for an older revision everything may have changed. */
const maxChanges = 1_024;

/** Records of consumer groups in memory. */
export class MemoryGroups implements GroupStore {
  readonly sharedBy = 'process';
  readonly #records = new BTree<string, GroupRecord>();
  readonly #followers = new Set<() => void>();
  /** Of the last write, over all keys. */
  #written = 0;
  /** Keys of the last changes that are not quiet, oldest first; the last one has the revision `#revision`. */
  #changed: string[] = [];
  #revision = 0;

  async read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    return keys.map((key) => this.#records.get(key));
  }

  async write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    let isHeard = false;
    const outcomes = changes.map((change) => {
      if (!this.#change(change)) return undefined;
      if (!change.isQuiet) {
        this.#noteChange(change.key);
        isHeard = true;
      }
      return this.#written;
    });
    if (isHeard) for (const changed of this.#followers) changed();
    return outcomes;
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]> {
    const found: GroupRecord[] = [];
    const most = Math.min(limit, maxGroupRecords);
    for (const [key, record] of this.#records.entries(after === undefined || after < prefix ? prefix : after)) {
      if (found.length >= most || !key.startsWith(prefix)) break;
      if (key !== after) found.push(record);
    }
    return found;
  }

  async changesSince(revision: number | undefined): Promise<GroupChanges> {
    const count = this.#revision - (revision ?? this.#revision);
    const isKnown = count >= 0 && count <= this.#changed.length;
    const keys = isKnown ? [...new Set(this.#changed.slice(this.#changed.length - count))] : 'all';
    return { revision: this.#revision, keys };
  }

  follow(changed: () => void): () => void {
    const follower = () => changed();
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Removes the records of a namespace. */
  removeAll(uid: string): void {
    const prefix = `${uid}/`;
    const keys: string[] = [];
    for (const [key] of this.#records.entries(prefix)) {
      if (!key.startsWith(prefix)) break;
      keys.push(key);
    }
    for (const key of keys) this.#records.delete(key);
  }

  /** False: the record has another revision. */
  #change({ key, revision, text }: GroupChange): boolean {
    if ((this.#records.get(key)?.revision ?? 0) !== revision) return false;
    this.#written++;
    if (text === undefined) this.#records.delete(key);
    else this.#records.set(key, { key, revision: this.#written, text });
    return true;
  }

  #noteChange(key: string): void {
    this.#revision++;
    this.#changed.push(key);
    if (this.#changed.length > maxChanges * 2) this.#changed = this.#changed.slice(-maxChanges);
  }
}
