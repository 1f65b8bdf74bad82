import type { ClientError } from './client-error.ts';

/**
 * Where a subscription stands.
 * - `connecting`: one request is under way.
 * - `catching-up`: it is told what lies between its cursor and the head.
 * - `live`: it is told as it happens. Every selected message up to the global position `completeUpTo`, from where the subscription began,
 *   was delivered: it moves only by the server's proof, the head heartbeat. `isBuffered`: something between holds events back.
 * - `away`: there is no connection; the next attempt is made then, or earlier when the network comes back.
 * - `ended`: it will not come back.
 */
export type State =
  | { readonly name: 'connecting' }
  | { readonly name: 'catching-up' }
  | { readonly name: 'live'; readonly completeUpTo: number; readonly since: Date; readonly isBuffered: boolean }
  | { readonly name: 'away'; readonly nextTryAt: Date; readonly why: ClientError }
  | { readonly name: 'ended'; readonly code: string; readonly why: ClientError | undefined };

/** The subscription could not go on behind its cursor: it is told everything that the log holds, from `replayFrom` on. */
export type Reset = {
  readonly reason: 'other-epoch' | 'cursor-ahead' | 'forgotten';
  readonly epoch: string;
  readonly head: number;
  /** Global positions that will never be told; `to` null: nobody knows how far that log went. */
  readonly lost: { readonly epoch: string | null; readonly from: number; readonly to: number | null };
  readonly replayFrom: number;
};
