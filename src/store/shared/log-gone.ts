import { PokewireError } from '../../errors.ts';

/** Whether a call was rejected because its log no longer exists, so that a retry is pointless. */
export function isLogGone(error: unknown): boolean {
  return error instanceof PokewireError && error.code === 'LOG_GONE';
}

/** The error for calls on a log that was deleted or replaced. */
export function logGone(): PokewireError {
  return new PokewireError('LOG_GONE', 'The log was deleted or replaced. Repeat the request.');
}
