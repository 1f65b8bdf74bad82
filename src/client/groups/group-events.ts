import type { StreamEvent } from '../event-stream.ts';
import type { Generation } from './deadline-book.ts';

/** Before a resize, messages of this partition up to `upTo` were settled. */
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
type GroupEvent = {
  [Type in keyof GroupEvents]: { readonly type: Type; readonly value: GroupEvents[Type] };
}[keyof GroupEvents];

/** Required members of each event, given by an example of their type. */
const shapes: { readonly [Type in keyof GroupEvents]: GroupEvents[Type] } = {
  joined: { member: '', session: '', epoch: '', leaseMs: 0, beatMs: 0, head: 0 },
  assigned: { partition: 0, layout: 0, size: 0, generation: 0, position: 0, floors: [], held: [] },
  poke: { partition: 0, generation: 0, globalPosition: 0 },
  lease: { beat: 0, leaseMs: 0, except: [], head: 0 },
  revoke: { partition: 0, layout: 0, generation: 0 },
  retry: { partition: 0, generation: 0, stream: '', position: 0, attempt: 0 },
  forgotten: { partition: 0, generation: 0, lost: { from: 0, to: 0 } },
  end: { code: '' },
};

/** Parses an event. Throws if a member is missing: a deadline or position that is not a number would last forever, or not at all. */
export function parseGroupEvent({ type, data }: StreamEvent): GroupEvent {
  const value: unknown = JSON.parse(data);
  const shape = (shapes as Readonly<Record<string, object>>)[type];
  if (shape !== undefined && !fits(value, shape)) throw new TypeError(`The event ${type} lacks a member: ${data}`);
  return { type, value } as GroupEvent;
}

function fits(value: unknown, shape: unknown): boolean {
  if (typeof shape === 'number') return Number.isSafeInteger(value);
  if (typeof shape === 'string') return typeof value === 'string';
  if (Array.isArray(shape)) return Array.isArray(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(shape as object).every(([name, part]) => fits((value as Record<string, unknown>)[name], part));
}
