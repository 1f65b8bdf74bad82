import { PokewireError } from '../../errors.ts';

/** What PostgreSQL refused an append for, and what to do about it. */
export type AppendFault = 'connection' | 'conflict' | 'busy' | 'payload' | 'disk' | 'other';

/** Deadlock, serialization, and a place or an id that somebody else took first: another try may succeed. */
const conflict = new Set(['40P01', '40001', '23505']);
/** Somebody held a lock, or the statement ran, for as long as we wait. */
const busy = new Set(['55P03', '57014']);
/** What `jsonb` cannot hold: the character U+0000, lone surrogates, numbers beyond `numeric`. */
const payload = new Set(['22P05', '22P02', '22003', '22P03', '54000', '54001']);

/** Time-outs of a transaction that end its session. */
const endsSession = new Set(['25P03', '25P04']);

/** First characters of its classes: `EPIPE` has five characters, too. */
const sqlState = /^[0-9FHPX][0-9A-Z]{4}$/;

/** Five characters that name an error of the server; undefined: the connection failed. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && sqlState.test(code) ? code : undefined;
}

/** Whether the server is gone or going, so that what was under way may or may not have happened. */
export function isConnectionFault(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined || state.startsWith('08') || state.startsWith('57P') || endsSession.has(state);
}

export function appendFaultOf(error: unknown): AppendFault {
  if (isConnectionFault(error)) return 'connection';
  const state = sqlStateOf(error)!;
  if (conflict.has(state)) return 'conflict';
  if (busy.has(state)) return 'busy';
  if (payload.has(state)) return 'payload';
  return state === '53100' ? 'disk' : 'other';
}

/** What a call rejects with when the database failed. */
export function storeFault(cause: unknown): PokewireError {
  if (cause instanceof PokewireError) return cause;
  return new PokewireError('BACKEND_ERROR', 'PostgreSQL did not do it; the log has the cause.', { cause });
}

/** What an error says, for people. A name with several addresses fails once for each. */
export function textOfFault(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOfFault).join(', ');
  return error instanceof Error ? error.message || String(error) : String(error);
}
