import { createRequire } from 'node:module';
import {
  type GroupChange,
  type GroupChanges,
  type GroupRecord,
  type GroupStore,
  maxGroupRecords,
} from '../group-store.ts';
import { ChangedKeys } from '../shared/changed-keys.ts';
import { heardKeys } from '../shared/heard-keys.ts';

// `require`, as in stream-directory.ts: Node and Vitest disagree on the default import.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof import('sorted-btree');

/** Records of consumer groups in memory. */
export class MemoryGroups implements GroupStore {
  readonly sharedBy = 'process';
  readonly #records = new BTree<string, GroupRecord>();
  readonly #changed = new ChangedKeys();
  /** Revision of the last write, over all keys. */
  #written = 0;

  async read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    return keys.map((key) => this.#records.get(key));
  }

  async write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    const outcomes = changes.map((change) => (this.#change(change) ? this.#written : undefined));
    this.#changed.note(heardKeys(changes, outcomes));
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

  async changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges> {
    const changes = this.#changed.since(revision);
    return { ...changes, records: prefix === undefined ? [] : await this.list(prefix, undefined, maxGroupRecords) };
  }

  follow(changed: () => void): () => void {
    return this.#changed.follow(changed);
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

  /** Returns false if the record has another revision. */
  #change({ key, revision, text }: GroupChange): boolean {
    if ((this.#records.get(key)?.revision ?? 0) !== revision) return false;
    this.#written++;
    if (text === undefined) this.#records.delete(key);
    else this.#records.set(key, { key, revision: this.#written, text });
    return true;
  }
}
