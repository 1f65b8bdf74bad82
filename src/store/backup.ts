import type { Readable } from 'node:stream';

/** A whole copy of a store. */
export type StoreCopy = {
  readonly bytes: number;
  /** What names of such files end with. */
  readonly extension: string;
  /**
   * The copy, which is gone when this is destroyed or read to its end. Whoever gets it sees to that: there is no other copy
   * before. It fails when it was not read within a day.
   */
  readonly content: Readable;
};

/** Outcome of a backup. */
export type BackupOutcome =
  | { readonly outcome: 'copied'; readonly copy: StoreCopy }
  /** Another one is being made or read. */
  | { readonly outcome: 'under-way' }
  /** The disk has no room for a copy beside the store. */
  | { readonly outcome: 'no-room'; readonly neededBytes: number; readonly freeBytes: number };
