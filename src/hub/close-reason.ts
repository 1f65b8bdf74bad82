import { endFrame } from '../sse/frame.ts';

/**
 * Why a subscription ended: the peer left, its socket stalled, the server stops, its token is no longer valid, its
 * namespace was deleted, an import replaced its log, or retention removed messages before they were delivered.
 */
export const closeReasons = [
  'peer',
  'stalled',
  'draining',
  'revoked',
  'namespace-deleted',
  'log-replaced',
  'log-forgotten',
] as const;

/** One of {@link closeReasons}. */
export type CloseReason = (typeof closeReasons)[number];

/** Last events for subscribers that asked for named events, one for each reason. */
const toThoseWhoAsked: Readonly<Record<CloseReason, Buffer | undefined>> = {
  peer: undefined,
  stalled: endFrame('stalled'),
  draining: endFrame('draining'),
  revoked: endFrame('revoked'),
  'namespace-deleted': endFrame('namespace-deleted'),
  'log-replaced': endFrame('log-replaced'),
  'log-forgotten': endFrame('log-forgotten'),
};

/** Last events for all other subscribers. Sent only if reconnecting will not help. */
const toOthers: Readonly<Record<CloseReason, Buffer | undefined>> = {
  ...toThoseWhoAsked,
  stalled: undefined,
  draining: undefined,
};

/** The last event of a stream that ends for this reason, or undefined if there is none. `asked`: the subscriber asked for named events. */
export function lastWords(reason: CloseReason, asked: boolean): Buffer | undefined {
  return asked ? toThoseWhoAsked[reason] : toOthers[reason];
}

/** Whether the subscriber must not reconnect. Only then is the response body completed. */
export function isFinal(reason: CloseReason): boolean {
  return reason === 'revoked' || reason === 'namespace-deleted';
}
