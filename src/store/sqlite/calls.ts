import { PokewireError } from '../../errors.ts';
import { logGone } from '../shared/log-gone.ts';

/** What a thread of the store is asked. */
export type Call = { readonly number: number; readonly method: string; readonly args: readonly unknown[] };

/** Asks a thread to end, once it has answered everything. */
export const endCall = 'end';

/** Its answer: a value or a fault. */
export type Answer = { readonly number: number; readonly value?: unknown; readonly fault?: Fault };

/** A fault in a form that crosses threads. */
export type Fault = {
  readonly isLogGone: boolean;
  readonly message: string;
  /** SQLite's extended result code. */
  readonly errcode: number | undefined;
};

/** A fault of SQLite, its extended result code; undefined: of something else. */
export function errcodeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode : undefined;
}

export function faultOf(error: unknown): Fault {
  return {
    isLogGone: error instanceof PokewireError && error.code === 'LOG_GONE',
    message: error instanceof Error ? error.message : String(error),
    errcode: errcodeOf(error),
  };
}

export function errorOf({ isLogGone, message, errcode }: Fault): PokewireError {
  if (isLogGone) return logGone();
  const cause = new Error(errcode === undefined ? message : `${message} (SQLite ${errcode})`);
  return new PokewireError('BACKEND_ERROR', 'The SQLite store failed.', { cause });
}
