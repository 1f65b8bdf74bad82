import { randomUUID } from 'node:crypto';

declare const brand: unique symbol;

/**
 * Identifies one log, that is one history of messages; also its epoch, as global positions are only meaningful within a
 * log. At most 64 letters, digits, hyphens and underscores. Not the namespace's id, because an import may replace the
 * namespace's log.
 */
export type LogId = string & { readonly [brand]: 'LogId' };

/** The id of a new log. */
export function newLogId(): LogId {
  return randomUUID() as LogId;
}
