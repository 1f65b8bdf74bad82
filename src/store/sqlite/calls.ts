import { PokewireError } from '../../errors.ts';
import type { StoreFull } from '../log.ts';
import { logGone } from '../shared/log-gone.ts';
import { storeFull } from '../shared/store-full.ts';

/** A call to one of the store's threads. */
export type Call = { readonly number: number; readonly method: string; readonly args: readonly unknown[] };

/** Report of committed writes. */
export type Commits = {
  /** How long each commit took, milliseconds. */
  readonly durationsMs: number[];
  /** Number of writes in these commits. */
  writes: number;
};

/** Makes a thread exit after its last answer. */
export const endCall = 'end';

/** The answer to a call: a value or a fault. */
export type Answer = { readonly number: number; readonly value?: unknown; readonly fault?: Fault };

/** A fault in a form that can be posted between threads. */
export type Fault = {
  readonly isLogGone: boolean;
  readonly message: string;
  /** SQLite's extended result code. */
  readonly errcode: number | undefined;
  /** The limit that a write reached. */
  readonly full?: StoreFull;
};

/** SQLite's extended result code; undefined for other errors. */
export function errcodeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode : undefined;
}

/** SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR: no room because of the disk, a quota or a process limit. */
const noRoomCodes: readonly (number | undefined)[] = [13, 778, 10];

/** Whether a write failed for lack of room. */
export function foundNoRoom(error: unknown): boolean {
  return noRoomCodes.includes(errcodeOf(error));
}

/** SQLITE_CORRUPT, SQLITE_NOTADB. */
const damageCodes: readonly number[] = [11, 26];

export function faultOf(error: unknown): Fault {
  return {
    isLogGone: error instanceof PokewireError && error.code === 'LOG_GONE',
    message: error instanceof Error ? error.message : String(error),
    errcode: errcodeOf(error),
  };
}

export function errorOf({ isLogGone, message, errcode, full }: Fault): PokewireError {
  if (isLogGone) return logGone();
  if (full !== undefined) return storeFull(full);
  const isDamage = errcode !== undefined && damageCodes.includes(errcode & 0xff);
  const advice = isDamage ? '. The file is damaged: stop, and restore a backup' : '';
  return sqliteFault(new Error(errcode === undefined ? message : `${message} (SQLite ${errcode})${advice}`));
}

/** Wraps a failure of the store as `BACKEND_ERROR`. */
export function sqliteFault(cause: Error): PokewireError {
  return new PokewireError('BACKEND_ERROR', 'The SQLite store failed; the server log has the cause.', { cause });
}
