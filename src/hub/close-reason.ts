import { endFrame, errorFrame } from '../sse/frame.ts';

/**
 * Why a subscription ended: the peer went, it took nothing for too long, the server stops, the store could not be read,
 * its token is no longer valid, its namespace is no more, or an import put another log in place of its own.
 */
export const closeReasons = [
  'peer',
  'stalled',
  'draining',
  'store-failed',
  'revoked',
  'namespace-deleted',
  'log-replaced',
] as const;

/** One of {@link closeReasons}. */
export type CloseReason = (typeof closeReasons)[number];

const storeError = errorFrame('BACKEND_ERROR', 'The log cannot be read now; reconnect to resume.');

/** Who asked for named events is told why, whatever it is. */
const toThoseWhoAsked: Readonly<Record<CloseReason, Buffer | undefined>> = {
  peer: undefined,
  stalled: endFrame('stalled'),
  draining: endFrame('draining'),
  'store-failed': endFrame('store-failed'),
  revoked: endFrame('revoked'),
  'namespace-deleted': endFrame('namespace-deleted'),
  'log-replaced': endFrame('log-replaced'),
};

/** Who did not is told only what to reconnect will not mend, and of a failure as EventoDB does. */
const toOthers: Readonly<Record<CloseReason, Buffer | undefined>> = {
  ...toThoseWhoAsked,
  stalled: undefined,
  draining: undefined,
  'store-failed': storeError,
};

/** The last event of a stream that ends for this reason; undefined: none. `asked`: the subscriber asked for named events. */
export function lastWords(reason: CloseReason, asked: boolean): Buffer | undefined {
  return asked ? toThoseWhoAsked[reason] : toOthers[reason];
}

/** Whether the subscriber is not to come back: only then is the body of its stream complete. */
export function isFinal(reason: CloseReason): boolean {
  return reason === 'revoked' || reason === 'namespace-deleted';
}
