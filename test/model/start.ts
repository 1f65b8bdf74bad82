import type { Selection } from '../../src/message/selection.ts';
import { type ClaimedCursor, tagOf } from '../../src/sse/cursor.ts';
import type { LogBook } from './log-book.ts';

/** Where a connection must start, by the protocol. */
export type Start = {
  /** Everything after this global position must be delivered. */
  readonly after: number;
  /** Except messages before this position of its only stream. */
  readonly fromPosition: number;
  /** Whether it starts at the head, whichever that was between request and ready comment. */
  readonly atHead: boolean;
  /** The reset that the server must report instead of resuming. */
  readonly reset: ExpectedReset | undefined;
};

export type ExpectedReset = {
  readonly reason: 'cursor-ahead' | 'other-epoch' | 'forgotten';
  readonly lost: { readonly epoch: string | null; readonly from: number; readonly to: number | null };
};

/** The position and log that an id names, or a bare position without a log. */
export type NamedCursor = Exclude<ClaimedCursor, 'unknown'>;

export type Cursor = {
  readonly position: number;
  readonly lastEventId: NamedCursor | undefined;
  readonly epoch: string | undefined;
};

/** Where a subscription starts, by docs/PROTOCOL.md. */
export function startOf(selection: Selection, cursor: Cursor, log: LogBook): Start {
  const { position, lastEventId } = cursor;
  const reset = resetOf(selection, cursor, log);
  const from = (after: number): Start => ({ after, fromPosition: 0, atHead: false, reset });
  if (reset !== undefined) return from(0);
  if (lastEventId !== undefined) return from(lastEventId.globalPosition);
  if (isSingleStream(selection)) return { ...from(0), fromPosition: position };
  return { ...from(Math.max(0, position - 1)), atHead: selection.all };
}

function resetOf(selection: Selection, cursor: Cursor, log: LogBook): ExpectedReset | undefined {
  const { position, lastEventId, epoch } = cursor;
  const begin = isSingleStream(selection) ? 0 : Math.max(0, position - 1);
  const from = (lastEventId?.globalPosition ?? begin) + 1;
  const lost = { epoch: null, from, to: null };
  if (lastEventId?.tag !== undefined) {
    if (lastEventId.tag !== tagOf(log.epoch)) return { reason: 'other-epoch', lost };
  } else if (epoch !== undefined && epoch !== log.epoch) return { reason: 'other-epoch', lost: { ...lost, epoch } };
  else if ((lastEventId?.globalPosition ?? 0) > log.head) return { reason: 'cursor-ahead', lost };
  const namesCursor = lastEventId !== undefined || begin > 0;
  if (!namesCursor || from > log.forgottenUpTo) return undefined;
  return { reason: 'forgotten', lost: { epoch: log.epoch, from, to: log.forgottenUpTo } };
}

function isSingleStream({ streams, categories }: Selection): boolean {
  return streams.length === 1 && categories.length === 0;
}
