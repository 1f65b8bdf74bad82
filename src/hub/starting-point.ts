import type { Selection } from '../message/selection.ts';
import { type ClaimedCursor, tagOf } from '../sse/cursor.ts';
import type { Reset } from '../sse/frame.ts';
import type { LogBounds } from '../store/log.ts';
import type { LogId } from '../store/log-id.ts';

/** What a subscriber asks for beside its pokes. */
export type Wishes = {
  /** Named events: `hello`, `reset`, and `end` for every reason. */
  readonly hello: boolean;
  /** Heartbeats that name the head of the selection. */
  readonly heads: boolean;
  /** For what it missed while it lagged, one poke a stream. */
  readonly conflated: boolean;
  /** Milliseconds between its heartbeats; undefined: the server's own period. */
  readonly heartbeatMs: number | undefined;
};

/** What a subscriber asks for, as parsed from its request. */
export type SubscribeRequest = {
  readonly log: LogId;
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
export type StartingPoint = {
  /** What is read from the log. */
  readonly selection: Selection;
  /** What is delivered live behind the head: the same, or wider where the difference can no longer come. */
  readonly liveSelection: Selection;
  /** Global position behind which everything is delivered. */
  readonly cursor: number;
  readonly epoch: LogId;
  /** Head of the log when this was decided. */
  readonly head: number;
  /** Of the selection; what was forgotten by then is not missing, and an import may have put messages there again. */
  readonly forgottenUpTo: number;
  /** It asked for what there is, and not for what lies behind a cursor: up to the head nothing is missing before its first page. */
  readonly takesWhatIsThere: boolean;
  /** Why it does not begin where the subscriber was, but with everything that the log holds; undefined: it does. */
  readonly reset: Reset | undefined;
  /**
   * Whether one that comes again can resume behind the cursor. Not where a stream begins at a position of its own; nor
   * beyond what the log holds, which a cursor that names no log would be refused for although nothing is lost.
   */
  readonly canResume: boolean;
};

/** Whether the start depends on where its stream is: then the caller reads the stream's version. */
export function needsVersion({ selection, position, lastEventId }: SubscribeRequest): boolean {
  return position > 0 && lastEventId === undefined && isSingleStream(selection);
}

/**
 * Whether the start depends on the very head of the log, and not only on what this node knows of it: where everything
 * before the head is left out, a cursor may lie ahead of it, or the version of a stream was read that may be newer.
 */
export function needsFreshBounds(request: SubscribeRequest, knownHead: number): boolean {
  const { selection, lastEventId } = request;
  if (lastEventId === undefined) return selection.all || needsVersion(request);
  return lastEventId !== 'unknown' && lastEventId.globalPosition > knownHead;
}

/**
 * Whether the start depends on what was forgotten of the selection, and not only of the whole log: where it lies before that,
 * what is gone of others must neither reset it nor hide what goes later.
 */
export function needsOwnBounds(request: SubscribeRequest, { forgottenUpTo }: LogBounds): boolean {
  return !request.selection.all && firstWanted(request) <= forgottenUpTo;
}

/** Decides where a subscription begins. `version` is that of its stream, where {@link needsVersion}; -1: it has no message. */
export function startingPoint(request: SubscribeRequest, bounds: LogBounds, version: number): StartingPoint {
  const { selection, position, lastEventId } = request;
  const { epoch, head, forgottenUpTo } = bounds;
  const reset = resetOf(request, bounds);
  const from = (cursor: number, read = selection, liveSelection = read): StartingPoint => ({
    selection: read,
    liveSelection,
    cursor,
    epoch,
    head,
    forgottenUpTo,
    takesWhatIsThere: reset === undefined && !namesCursor(request),
    reset,
    canResume: read.fromPosition === 0 && cursor <= head && cursor >= forgottenUpTo,
  });
  // The cursor is not of this log, or what lay behind it is gone: start over.
  if (reset !== undefined) return from(0);
  if (lastEventId !== undefined && lastEventId !== 'unknown') return from(lastEventId.globalPosition);
  // `all` does not replay: it begins at the head, or later.
  if (selection.all) return from(Math.max(head, position - 1));
  if (!isSingleStream(selection)) return from(Math.max(0, position - 1));
  const fromPosition = { ...selection, fromPosition: position };
  // Positions of a stream only rise, so once the stream has reached the position every later poke fits.
  return from(0, fromPosition, position <= version + 1 ? selection : fromPosition);
}

function resetOf(request: SubscribeRequest, { epoch, head, forgottenUpTo }: LogBounds): Reset | undefined {
  const { lastEventId } = request;
  const claimed = lastEventId === 'unknown' ? undefined : lastEventId;
  const from = firstWanted(request);
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
  // One that does not and lies beyond the head is of another log, such as one from before a restart. One of this log waits.
  else if (claimed !== undefined && claimed.globalPosition > head) return reset('cursor-ahead', null, null);
  // A request without a cursor starts with what there is and misses nothing.
  return namesCursor(request) && from <= forgottenUpTo ? reset('forgotten', epoch, forgottenUpTo) : undefined;
}

/** Global position of the first message that a request asks for, as far as it says so. */
function firstWanted({ lastEventId, position, selection }: SubscribeRequest): number {
  if (lastEventId === 'unknown') return 1;
  if (lastEventId !== undefined) return lastEventId.globalPosition + 1;
  return isSingleStream(selection) ? 1 : Math.max(1, position);
}

function namesCursor(request: SubscribeRequest): boolean {
  return request.lastEventId !== undefined || firstWanted(request) > 1;
}

function isSingleStream({ streams, categories }: Selection): boolean {
  return streams.length === 1 && categories.length === 0;
}
