import { PokewireError } from '../../errors.ts';

/** Whether a call was rejected because its log is no more, which no repetition mends. */
export function isLogGone(error: unknown): boolean {
  return error instanceof PokewireError && error.code === 'LOG_GONE';
}

/** What a call on a log that was deleted or replaced rejects with. */
export function logGone(): PokewireError {
  return new PokewireError('LOG_GONE', 'The log was deleted or replaced. Repeat the request.');
}
