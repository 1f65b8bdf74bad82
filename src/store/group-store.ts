/**
 * Where the records of consumer groups live: short JSON texts by key, each changed by compare-and-set and by nothing else, so
 * that several nodes may share a store. What stands in them is `src/groups`' business. Checked by `test/contract/`.
 *
 * - A write holds only if the record still has the revision that it names, and of two that name the same one exactly one holds.
 * - Revisions of a key rise, also when the record was removed in between: none is ever given twice.
 * - What was answered is as durable as an append. A call that rejects may have been done, also in part.
 * - A read sees every write that was answered before it began, of whichever node.
 * - Keys that begin with the `uid` of a namespace and `/` are that namespace's, and go with it.
 */
export interface GroupStore {
  /** Who shares the records: this process alone, or every node over the store. */
  readonly sharedBy: 'process' | 'nodes';

  /** The records of these keys, at most {@link maxGroupRecords}, in this order; undefined: there is none. */
  read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]>;

  /**
   * Makes, replaces or removes records, at most {@link maxGroupRecords}, no key twice. Each change holds or loses by itself; what
   * became of it is at its place: a new revision, or undefined where it lost.
   */
  write(changes: readonly GroupChange[]): Promise<(number | undefined)[]>;

  /** Records whose key begins with `prefix` and stands behind `after`, in an order of the store's own; as many as `limit`, at most {@link maxGroupRecords}. */
  list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]>;

  /** Keys that were written since a revision of this answer, quiet changes left out; undefined: since now. */
  changesSince(revision: number | undefined): Promise<GroupChanges>;

  /** Hints that {@link GroupStore.changesSince} has news, until the returned function is called. Hints may be lost. */
  follow(changed: () => void): () => void;
}

/** Keys of one call at most. */
export const maxGroupRecords = 1_000;

/** Bytes of a record's text at most; callers keep to it. */
export const maxGroupRecordBytes = 256 * 1_024;

/** A record as it was read. */
export type GroupRecord = {
  /** ASCII but for names of groups; at most 512 bytes. */
  readonly key: string;
  /** Above 0. */
  readonly revision: number;
  readonly text: string;
};

/** A change of one record. */
export type GroupChange = {
  readonly key: string;
  /** Of the record that it replaces; 0: there must be none. */
  readonly revision: number;
  /** Undefined: removes the record. */
  readonly text: string | undefined;
  /** {@link GroupStore.changesSince} does not name it: it changes often, and nobody waits for it. */
  readonly isQuiet: boolean;
};

/** What changed since a revision. */
export type GroupChanges = {
  /** Where the next question begins. */
  readonly revision: number;
  /** `all`: the revision lies too far back, or is not one of this store, and everything may have changed. */
  readonly keys: readonly string[] | 'all';
};
