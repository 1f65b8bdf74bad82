import type { Written } from '../../support/fenced-sink.ts';

/** A member of a group, in any process. */
export type MemberName = { readonly group: string; readonly member: string };

/** Messages from the driver to a worker process. */
export type Command =
  | ({ readonly do: 'join' } & MemberName)
  | ({ readonly do: 'leave'; readonly keepMs: number } & MemberName)
  /** The sink has accepted or refused this write. */
  | { readonly do: 'answer'; readonly write: number }
  /** The next handler waits before it writes. */
  | { readonly do: 'wait inside' }
  /** The waiting handler writes; if there is none, no handler waits any more. */
  | { readonly do: 'go on' };

/** An action of a member's handler. */
export type Handled = MemberName & Written;

/** Messages from a worker process to the driver. */
export type Report =
  /** A handler starts. `atMs`: when the deadline was checked, by the machine's monotonic clock. */
  | ({ readonly what: 'started'; readonly atMs: number; readonly attempt: number } & Handled)
  /** A handler is about to reject. */
  | ({ readonly what: 'failed' } & Handled)
  | ({ readonly what: 'write'; readonly write: number } & Handled)
  /** A handler is waiting. */
  | ({ readonly what: 'inside' } & Handled)
  /** No handler was waiting. */
  | { readonly what: 'none inside' }
  /** A member has left; `error`: it could not continue. */
  | ({ readonly what: 'ended'; readonly error: string | undefined } & MemberName);
