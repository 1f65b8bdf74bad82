import { type Selection, selects } from '../../src/message/selection.ts';
import type { ReceivedPoke } from '../support/sse-client.ts';
import type { Entry } from './log-book.ts';
import type { Facts } from './subscriber.ts';

/** A message that a connection may be told. */
export type Expected = {
  readonly entry: Entry;
  /** `if-first`: it must be told unless the connection began behind it. */
  readonly need: 'must' | 'if-first' | 'may';
};

/**
 * What a connection is to be told by the log, in order. `cursor` is where it says that it began, known when it was asked to
 * begin at the head.
 */
export function expectedOf({ wish, start, log, askedAt, readyAt }: Facts, cursor: number | undefined): Expected[] {
  const wanted: Selection = { ...wish.selection, fromPosition: start.fromPosition };
  const atHead = start.atHead && cursor === undefined;
  const after = start.atHead ? (cursor ?? start.after) : start.after;
  return log.entries.flatMap((entry): Expected[] => {
    const { stream, position, globalPosition, sentAt, knownAt, isLate } = entry;
    if (globalPosition <= after || !selects(wanted, stream, position)) return [];
    if (atHead && knownAt < askedAt) return [];
    // A node learns of what was imported at or before its head by its next read, and until then serves what it has.
    if (isLate) return [{ entry, need: 'may' }];
    return [{ entry, need: atHead && sentAt < readyAt ? 'if-first' : 'must' }];
  });
}

/** A place as reports name it. */
export function textOf(place: Entry | ReceivedPoke): string {
  const name = typeof place.stream === 'string' ? place.stream : place.stream.text;
  return `${name.replace(/"{9,}/, '"…')}/${place.position}@${place.globalPosition}`;
}
