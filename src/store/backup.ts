import type { Readable } from 'node:stream';

/** A full copy of a store. */
export type StoreCopy = {
  readonly bytes: number;
  /** File extension of such a copy. */
  readonly extension: string;
  /**
   * Content of the copy, which is deleted when this stream ends or is destroyed. The receiver must read or destroy the
   * stream, because no other copy can be made before. Fails if not read within a day.
   */
  readonly content: Readable;
};

/** Outcome of a backup. */
export type BackupOutcome =
  | { readonly outcome: 'copied'; readonly copy: StoreCopy }
  /** Another copy is being made or read. */
  | { readonly outcome: 'under-way' }
  /** The disk has no room for a copy. */
  | { readonly outcome: 'no-room'; readonly neededBytes: number; readonly freeBytes: number };
