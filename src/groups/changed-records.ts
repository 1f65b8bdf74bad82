import type { GroupRecord, GroupStore } from '../store/group-store.ts';
import type { Group } from './group.ts';
import type { GroupName } from './group-state.ts';
import type { Partitions } from './partitions.ts';
import { nodePrefix } from './record-keys.ts';
import type { Records } from './records.ts';
import type { WatchedGroups } from './watched-groups.ts';

/** Maximum number of records in one read. */
const pageRecords = 100;

type ChangedRecordsOptions = {
  readonly store: GroupStore;
  readonly groups: Records<Group>;
  readonly partitions: Partitions;
  readonly watched: WatchedGroups;
  /** Called if the record of a watched group is gone. */
  readonly gone: (name: GroupName) => void;
};

/** Reads what other nodes changed in the groups that this node watches. */
export class ChangedRecords {
  readonly #options: ChangedRecordsOptions;
  #revision: number | undefined = undefined;

  constructor(options: ChangedRecordsOptions) {
    this.#options = options;
  }

  /** Reads the changes since the last call, or everything watched if those are unknown. Resolves to the records of all nodes. */
  async read(): Promise<readonly GroupRecord[]> {
    const { store, groups, partitions, watched, gone } = this.#options;
    const { revision, keys, records } = await store.changesSince(this.#revision, nodePrefix);
    const news = this.#revision !== undefined && keys !== 'all' ? keys : undefined;
    const changed = news?.filter((key) => watched.get(key) !== undefined) ?? [...watched.keys];
    for (let at = 0; at < changed.length; at += pageRecords) {
      const page = changed.slice(at, at + pageRecords);
      for (const [index, group] of (await groups.readAll(page)).entries()) {
        const missed = group === undefined ? watched.get(page[index]!) : undefined;
        if (missed !== undefined) gone(missed.name);
      }
    }
    await partitions.readChanged(news ?? watched.toldKeys);
    this.#revision = revision;
    return records;
  }
}
