import type { Written } from '../../support/fenced-sink.ts';

/** A member of a group, in whichever process. */
export type MemberName = { readonly group: string; readonly member: string };

/** What the driver says to a process of workers. */
export type Command =
  | ({ readonly do: 'join' } & MemberName)
  | ({ readonly do: 'leave'; readonly keepMs: number } & MemberName)
  /** The sink has taken this write, or refused it. */
  | { readonly do: 'answer'; readonly write: number };

/** Something that a handler of a member does. */
export type Handled = MemberName & Written;

/** What a process of workers says to the driver. */
export type Report =
  /** A handler begins. `atMs`: when the deadline was checked, by the machine's monotonic clock. */
  | ({ readonly what: 'started'; readonly atMs: number } & Handled)
  /** A handler is about to reject. */
  | ({ readonly what: 'failed' } & Handled)
  | ({ readonly what: 'write'; readonly write: number } & Handled)
  /** A member has left; `error`: it could not go on. */
  | ({ readonly what: 'ended'; readonly error: string | undefined } & MemberName);
