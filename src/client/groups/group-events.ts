import type { Generation } from './deadline-book.ts';

/** Messages up to `upTo` of a partition before a resize are settled. */
export type Floor = { readonly size: number; readonly partition: number; readonly upTo: number };

/** Events of a member's stream; see `docs/PROTOCOL.md`. */
export type GroupEvents = {
  readonly joined: {
    readonly member: string;
    readonly session: string;
    readonly epoch: string;
    readonly leaseMs: number;
    readonly beatMs: number;
    readonly head: number;
  };
  readonly assigned: Generation & {
    readonly size: number;
    readonly position: number;
    readonly floors: readonly Floor[];
    readonly held: readonly { readonly stream: string; readonly position: number }[];
  };
  readonly poke: { readonly partition: number; readonly generation: number; readonly globalPosition: number };
  readonly lease: {
    readonly beat: number;
    readonly leaseMs: number;
    readonly except: readonly number[];
    readonly head: number;
  };
  readonly revoke: Generation;
  readonly retry: {
    readonly partition: number;
    readonly generation: number;
    readonly stream: string;
    readonly position: number;
    readonly attempt: number;
  };
  readonly forgotten: {
    readonly partition: number;
    readonly generation: number;
    readonly lost: { readonly from: number; readonly to: number };
  };
  readonly end: { readonly code: string };
};

/** One event. The member ignores other types. */
export type GroupEvent = {
  [Type in keyof GroupEvents]: { readonly type: Type; readonly value: GroupEvents[Type] };
}[keyof GroupEvents];
