import {
  type GroupChange,
  type GroupChanges,
  type GroupRecord,
  type GroupStore,
  maxGroupRecords,
} from '../group-store.ts';
import { ChangedKeys } from '../shared/changed-keys.ts';
import { heardKeys } from '../shared/heard-keys.ts';
import type { GroupReader } from './read-groups.ts';
import type { StoreThread } from './store-thread.ts';
import type { GroupWriter } from './write-groups.ts';

/** Records of consumer groups in the database. Writes share a commit with concurrent appends. */
export class SqliteGroups implements GroupStore {
  readonly sharedBy = 'process';
  readonly #writer: StoreThread;
  readonly #reader: StoreThread;
  readonly #changed = new ChangedKeys();

  constructor({ writer, reader }: { readonly writer: StoreThread; readonly reader: StoreThread }) {
    this.#writer = writer;
    this.#reader = reader;
  }

  read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    return this.#reader.ask<GroupReader['read']>('readGroups', [keys]);
  }

  write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    let characters = 0;
    for (const { text } of changes) characters += text?.length ?? 0;
    const heard = (outcomes: (number | undefined)[]) => this.#changed.note(heardKeys(changes, outcomes));
    return this.#writer.ask<GroupWriter['write']>('writeGroups', [changes], heard, characters);
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]> {
    return this.#reader.ask<GroupReader['list']>('listGroups', [prefix, after, limit]);
  }

  async changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges> {
    const changes = this.#changed.since(revision);
    return { ...changes, records: prefix === undefined ? [] : await this.list(prefix, undefined, maxGroupRecords) };
  }

  follow(changed: () => void): () => void {
    return this.#changed.follow(changed);
  }

  stop(): void {
    this.#changed.stop();
  }
}
