import { endFrame } from '../sse/frame.ts';

/**
 * Why a subscription ended: the peer went, it took nothing for too long, the server stops, its token is no longer valid,
 * its namespace was deleted, an import replaced its log, or the store forgot messages that were still to be delivered.
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

/** Subscribers that asked for named events learn every reason. */
const toThoseWhoAsked: Readonly<Record<CloseReason, Buffer | undefined>> = {
  peer: undefined,
  stalled: endFrame('stalled'),
  draining: endFrame('draining'),
  revoked: endFrame('revoked'),
  'namespace-deleted': endFrame('namespace-deleted'),
  'log-replaced': endFrame('log-replaced'),
  'log-forgotten': endFrame('log-forgotten'),
};

/** Others only learn what a reconnection will not mend. */
const toOthers: Readonly<Record<CloseReason, Buffer | undefined>> = {
  ...toThoseWhoAsked,
  stalled: undefined,
  draining: undefined,
};

/** The last event of a stream that ends for this reason; undefined: none. `asked`: the subscriber asked for named events. */
export function lastWords(reason: CloseReason, asked: boolean): Buffer | undefined {
  return asked ? toThoseWhoAsked[reason] : toOthers[reason];
}

/** Whether the subscriber is not to come back: only then is the body of its stream complete. */
export function isFinal(reason: CloseReason): boolean {
  return reason === 'revoked' || reason === 'namespace-deleted';
}
