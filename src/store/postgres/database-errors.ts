import { PokewireError } from '../../errors.ts';

/** Why PostgreSQL refused an append. Decides whether to retry. */
export type AppendFault = 'connection' | 'conflict' | 'busy' | 'payload' | 'disk' | 'other';

/** Deadlock, serialization failure, or a position or id that another transaction took first. A retry may succeed. */
const conflict = new Set(['40P01', '40001', '23505']);
/** Lock time-out or statement time-out. */
const busy = new Set(['55P03', '57014']);
/** Values that `jsonb` cannot store: the character U+0000, lone surrogates, numbers beyond `numeric`. */
const payload = new Set(['22P05', '22P02', '22003', '22P03', '54000', '54001']);

/** Transaction time-outs that also end the session. */
const endsSession = new Set(['25P03', '25P04']);

/** A SQLSTATE, recognised by the first characters of PostgreSQL's classes, since `EPIPE` has five characters too. */
const sqlState = /^[0-9FHPX][0-9A-Z]{4}$/;

/** The SQLSTATE of an error that the server sent; undefined: the connection failed. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && sqlState.test(code) ? code : undefined;
}

/** Whether the connection broke or the server is shutting down. Pending statements may or may not have taken effect. */
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

/** Wraps a database failure as `BACKEND_ERROR`; an error that has a code is returned unchanged. */
export function storeFault(cause: unknown): PokewireError {
  if (cause instanceof PokewireError) return cause;
  return new PokewireError('BACKEND_ERROR', 'PostgreSQL failed; the server log has the cause.', { cause });
}

/** The text of an error. A host name with several addresses fails once for each. */
export function textOfFault(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOfFault).join(', ');
  return error instanceof Error ? error.message || String(error) : String(error);
}
