import type { ClientError } from './client-error.ts';

/**
 * State of a subscription.
 * - `connecting`: a request is in flight.
 * - `catching-up`: the server delivers pokes between the cursor and the head.
 * - `live`: pokes arrive as messages are appended. Every selected message from the start of the subscription to the
 *   global position `completeUpTo` was delivered; only the server's head heartbeats move it. `isBuffered`: a proxy
 *   buffers events.
 * - `away`: disconnected; the next attempt is at `nextTryAt`, or earlier if the network comes back.
 * - `ended`: closed permanently.
 */
export type State =
  | { readonly name: 'connecting' }
  | { readonly name: 'catching-up' }
  | { readonly name: 'live'; readonly completeUpTo: number; readonly since: Date; readonly isBuffered: boolean }
  | { readonly name: 'away'; readonly nextTryAt: Date; readonly why: ClientError }
  | { readonly name: 'ended'; readonly code: string; readonly why: ClientError | undefined };

/** The server could not resume after the cursor, and delivers everything the log holds from `replayFrom` on. */
export type Reset = {
  readonly reason: 'other-epoch' | 'cursor-ahead' | 'forgotten';
  readonly epoch: string;
  readonly head: number;
  /** Global positions that will never be delivered; `to` null: up to the unknown end of that log. */
  readonly lost: { readonly epoch: string | null; readonly from: number; readonly to: number | null };
  readonly replayFrom: number;
};
