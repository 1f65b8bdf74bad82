import type { Selection } from '../message/selection.ts';
import { type ClaimedCursor, tagOf } from '../sse/cursor.ts';
import type { Reset } from '../sse/frame.ts';
import type { LogExtent, MessageStore } from '../store/message-store.ts';
import type { SubscriptionRequest, Wishes } from './subscription.ts';

/** What a subscriber asks for, as parsed from its request. */
export type SubscribeRequest = {
  readonly namespace: string;
  /** Its `fromPosition` is 0; this module sets it. */
  readonly selection: Selection;
  /** Inclusive; a stream position for a single stream, else a global position. */
  readonly position: number;
  /** The cursor behind which to resume; wins over `position`. */
  readonly lastEventId: ClaimedCursor | undefined;
  /** The log that its position, or a cursor that names none, is of; undefined: it does not say. */
  readonly epoch: string | undefined;
  readonly wishes: Wishes;
};

/** Where a subscription begins. */
export type StartingPoint = SubscriptionRequest & {
  /** Why it does not begin where the subscriber was, but with everything that the log holds; undefined: it does. */
  readonly reset: Reset | undefined;
  /**
   * Whether one that comes again can resume behind the cursor. Not where a stream begins at a position of its own; nor
   * outside of what the log holds, which would be answered with a reset although nothing is lost.
   */
  readonly canResume: boolean;
};

/** Decides where a subscription begins. Rejects when the store cannot be read. */
export async function startingPoint(store: MessageStore, request: SubscribeRequest): Promise<StartingPoint> {
  const { namespace, selection, position, lastEventId, wishes } = request;
  const extent = await store.extent(namespace);
  const { epoch, head, forgottenUpTo } = extent;
  const reset = resetOf(request, extent);
  const from = (cursor: number, read = selection, liveSelection = read): StartingPoint => ({
    namespace,
    selection: read,
    liveSelection,
    cursor,
    epoch,
    wishes,
    head,
    reset,
    canResume: read.fromPosition === 0 && cursor <= head && cursor >= forgottenUpTo,
  });
  // Nothing of this log was told yet, or not all that was told can be known.
  if (reset !== undefined) return from(0);
  if (lastEventId !== undefined && lastEventId !== 'unknown') return from(lastEventId.globalPosition);
  // `all` does not replay: it begins at the head, or later.
  if (selection.all) return from(Math.max(head, position - 1));
  if (!isSingleStream(selection)) return from(Math.max(0, position - 1));
  const fromPosition = { ...selection, fromPosition: position };
  // Positions of a stream only rise, so once the stream has reached the position every later poke fits.
  const reached = position <= (await store.version(namespace, selection.streams[0]!)) + 1;
  return from(0, fromPosition, reached ? selection : fromPosition);
}

function resetOf(request: SubscribeRequest, { epoch, head, forgottenUpTo }: LogExtent): Reset | undefined {
  const { lastEventId, position } = request;
  const begin = isSingleStream(request.selection) ? 0 : Math.max(0, position - 1);
  const claimed = lastEventId === 'unknown' ? undefined : lastEventId;
  const from = lastEventId === 'unknown' ? 1 : (claimed?.globalPosition ?? begin) + 1;
  const reset = (reason: Reset['reason'], lostEpoch: string | null, to: number | null): Reset => ({
    reason,
    epoch,
    head,
    lost: { epoch: lostEpoch, from, to },
    replayFrom: forgottenUpTo + 1,
  });
  if (lastEventId === 'unknown') return reset('other-epoch', null, null);
  // A cursor that names its log is newer than `epoch`, which an EventSource repeats in its URL for ever.
  if (claimed?.tag !== undefined) {
    if (claimed.tag !== tagOf(epoch)) return reset('other-epoch', null, null);
  } else if (request.epoch !== undefined && request.epoch !== epoch) return reset('other-epoch', request.epoch, null);
  // One that does not and lies beyond the head is of another log, say of before a restart. One of this log waits.
  else if (claimed !== undefined && claimed.globalPosition > head) return reset('cursor-ahead', null, null);
  // Who names no cursor begins with what there is, and misses nothing.
  const namesCursor = lastEventId !== undefined || begin > 0;
  return namesCursor && from <= forgottenUpTo ? reset('forgotten', epoch, forgottenUpTo) : undefined;
}

function isSingleStream({ streams, categories }: Selection): boolean {
  return streams.length === 1 && categories.length === 0;
}
