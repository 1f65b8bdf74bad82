import { type Selection, selects } from '../../src/message/selection.ts';
import type { ReceivedPoke } from '../support/sse-client.ts';
import type { Entry } from './log-book.ts';
import type { Facts } from './subscriber.ts';

/** A message that a connection may receive. */
export type Expected = {
  readonly entry: Entry;
  /** `if-first`: required unless the connection started after it. */
  readonly need: 'must' | 'if-first' | 'may';
};

/**
 * The messages that a connection must receive, in order, according to the log. `cursor`: its reported starting
 * position, known if it asked to start at the head.
 */
export function expectedOf({ wish, start, log, askedAt, readyAt }: Facts, cursor: number | undefined): Expected[] {
  const wanted: Selection = { ...wish.selection, fromPosition: start.fromPosition };
  const atHead = start.atHead && cursor === undefined;
  const after = start.atHead ? (cursor ?? start.after) : start.after;
  return log.entries.flatMap((entry): Expected[] => {
    const { stream, position, globalPosition, sentAt, knownAt, isLate } = entry;
    if (globalPosition <= after || !selects(wanted, stream, position)) return [];
    if (atHead && knownAt < askedAt) return [];
    // A node learns of messages imported at or before its head with its next read, and serves the old content until then.
    if (isLate) return [{ entry, need: 'may' }];
    return [{ entry, need: atHead && sentAt < readyAt ? 'if-first' : 'must' }];
  });
}

/** A position as named in reports. */
export function textOf(place: Entry | ReceivedPoke): string {
  const name = typeof place.stream === 'string' ? place.stream : place.stream.text;
  return `${name.replace(/"{9,}/, '"…')}/${place.position}@${place.globalPosition}`;
}
