/**
 * Stores the records of consumer groups: short JSON texts by key, changed only by compare-and-set so that nodes can
 * share a store. `src/groups` defines their content. Checked by `test/contract/`.
 * - A write succeeds only if the record still has the revision it names; of two writes that name the same one, exactly
 *   one succeeds.
 * - Revisions of a key increase, even if the record was removed in between; no revision is used twice.
 * - A write that was answered is as durable as an append. A call that rejects may have been applied, fully or in part.
 * - A read sees every write answered before it started, on any node.
 * - Keys that start with a namespace's `uid` and `/` belong to that namespace, and are removed with it.
 */
export interface GroupStore {
  /** Whether this process only or every node over the store shares the records. */
  readonly sharedBy: 'process' | 'nodes';

  /** Records by key, at most {@link maxGroupRecords}, in the order of the keys; undefined where there is none. */
  read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]>;

  /**
   * Creates, replaces or removes records, at most {@link maxGroupRecords}, no key twice. Each change succeeds or loses
   * independently; the result at its index is the new revision, or undefined if it lost.
   */
  write(changes: readonly GroupChange[]): Promise<(number | undefined)[]>;

  /**
   * Records whose key starts with `prefix` and comes after `after`, in the store's own order; at most `limit` and
   * {@link maxGroupRecords}.
   */
  list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]>;

  /**
   * Keys written since the revision of an earlier answer, without quiet changes other than removals; undefined: since now. Includes the
   * records with a prefix, as {@link GroupStore.list} returns them, so that one request is enough for both.
   */
  changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges>;

  /** Hints that {@link GroupStore.changesSince} has news, until the returned function is called. Hints may be lost. */
  follow(changed: () => void): () => void;
}

/** Maximum number of keys in one call. */
export const maxGroupRecords = 1_000;

/** Longest record text in bytes. Callers enforce it. */
export const maxGroupRecordBytes = 384 * 1_024;

/** A record with its revision. */
export type GroupRecord = {
  /** ASCII except for group names; at most 512 bytes. */
  readonly key: string;
  /** Always above 0. */
  readonly revision: number;
  readonly text: string;
};

/** A change of one record. */
export type GroupChange = {
  readonly key: string;
  /** Revision of the record to replace; 0: there must be none. */
  readonly revision: number;
  /** Undefined: removes the record. */
  readonly text: string | undefined;
  /** Excluded from {@link GroupStore.changesSince}, because the record changes often and no node waits for it. */
  readonly isQuiet: boolean;
};

/** Changes since a revision. */
export type GroupChanges = {
  /** Revision for the next call. */
  readonly revision: number;
  /** `all`: the revision is too old or of another store, so everything may have changed. */
  readonly keys: readonly string[] | 'all';
  /** Records with the prefix; empty without one. */
  readonly records: readonly GroupRecord[];
};
