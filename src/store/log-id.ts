import { randomUUID } from 'node:crypto';

declare const brand: unique symbol;

/**
 * Names one log, one history of messages, and is its epoch: global positions mean something within one log only. Letters,
 * digits, hyphens and underscores, at most 64. Never the id of a namespace, whose log an import may replace.
 */
export type LogId = string & { readonly [brand]: 'LogId' };

/** The id of a log that begins now. */
export function newLogId(): LogId {
  return randomUUID() as LogId;
}
