import type { Selection } from '../message/selection.ts';
import { type ClaimedCursor, tagOf } from '../sse/cursor.ts';
import type { Reset } from '../sse/frame.ts';
import type { LogBounds } from '../store/log.ts';
import type { LogId } from '../store/log-id.ts';

/** Options of a subscription other than its selection. */
export type Wishes = {
  /** Named events: `hello`, `reset`, and `end` for every reason. */
  readonly hello: boolean;
  /** Heartbeats that name the selection's head. */
  readonly heads: boolean;
  /** Whether pokes missed while lagging are merged into one per stream. */
  readonly conflated: boolean;
  /** Milliseconds between heartbeats; undefined: the server's default. */
  readonly heartbeatMs: number | undefined;
};

/** A subscriber's request, parsed. */
export type SubscribeRequest = {
  readonly log: LogId;
  /** `fromPosition` is always 0 here; this module sets it. */
  readonly selection: Selection;
  /** First position wanted: a stream position for a single stream, otherwise a global position. */
  readonly position: number;
  /** The cursor to resume after; takes precedence over `position`. */
  readonly lastEventId: ClaimedCursor | undefined;
  /** The log that `position`, or a cursor without a log, refers to; undefined if the request does not say. */
  readonly epoch: string | undefined;
  readonly wishes: Wishes;
};

/** Where a subscription starts. */
export type StartingPoint = {
  /** The selection for reading the log. */
  readonly selection: Selection;
  /** The selection for live pokes after the head: the same one, or a wider one where the difference can no longer occur. */
  readonly liveSelection: Selection;
  /** Everything after this global position is delivered. */
  readonly cursor: number;
  readonly epoch: LogId;
  /** Head of the log when the start was decided. */
  readonly head: number;
  /** Deleted range of the selection at the start. Messages up to here are not missing; an import may have put some back. */
  readonly forgottenUpTo: number;
  /**
   * The request named no cursor. Such a subscription starts with the first existing message, so messages deleted before
   * its first page do not count as missing.
   */
  readonly takesWhatIsThere: boolean;
  /** Why the whole log is delivered instead of the messages after the cursor; undefined if it is not. */
  readonly reset: Reset | undefined;
  /**
   * Global position whose cursor resumes this start; undefined: none does, if a stream starts at a given position, or if
   * the cursor is beyond the end of the log or before its first possible position: the server would answer such a cursor
   * with a reset although nothing is lost.
   */
  readonly resumeAfter: number | undefined;
};

/** Whether the start depends on the stream's version, which the caller then reads. */
export function needsVersion({ selection, position, lastEventId }: SubscribeRequest): boolean {
  return position > 0 && lastEventId === undefined && isSingleStream(selection);
}

/**
 * Whether the start needs the exact head of the log rather than the one this node knows: the request skips everything
 * before the head, its cursor may be ahead of it, or the stream's version was read and may be newer.
 */
export function needsFreshBounds(request: SubscribeRequest, knownHead: number): boolean {
  const { selection, lastEventId } = request;
  if (lastEventId === undefined) return selection.all || needsVersion(request);
  return lastEventId !== 'unknown' && lastEventId.globalPosition > knownHead;
}

/**
 * Whether the start needs the deleted range of its own selection rather than of the whole log. Messages deleted from
 * other streams must neither reset the subscription, nor count as lost after a reset, nor hide later deletions from its
 * own.
 */
export function needsOwnBounds(request: SubscribeRequest, bounds: LogBounds): boolean {
  if (request.selection.all || bounds.forgottenUpTo === 0) return false;
  return firstWanted(request) <= bounds.forgottenUpTo || resetOf(request, bounds) !== undefined;
}

/** Whether the start needs the last selected message in the deleted range, which the caller then reads. */
export function needsLeftOver(request: SubscribeRequest, bounds: LogBounds): boolean {
  return bounds.forgottenUpTo > 0 && resetOf(request, bounds) !== undefined;
}

/** Facts about the log, besides its bounds, that {@link startingPoint} needs. */
export type StartFacts = {
  /** The stream's version if {@link needsVersion}; -1 if the stream is empty. */
  readonly version: number;
  /** Global position of the last selected message in the deleted range if {@link needsLeftOver}; 0 if there is none. */
  readonly leftOver: number;
};

/** Decides where a subscription starts. */
export function startingPoint(
  request: SubscribeRequest,
  bounds: LogBounds,
  { version, leftOver }: StartFacts,
): StartingPoint {
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
    resumeAfter: read.fromPosition === 0 && cursor <= head && cursor >= forgottenUpTo ? cursor : undefined,
  });
  // The cursor belongs to another log, or retention deleted what followed it: start over. A connection that breaks now
  // resumes after the deleted range, so the reset is not repeated. Messages left in that range (an import put them back,
  // or only one of several categories is subject to retention) would then be skipped, so it starts over once more.
  if (reset !== undefined) return { ...from(0), resumeAfter: leftOver > 0 ? 0 : forgottenUpTo };
  if (lastEventId !== undefined && lastEventId !== 'unknown') return from(lastEventId.globalPosition);
  // `all` does not replay: it starts at the head or later.
  if (selection.all) return from(Math.max(head, position - 1));
  if (!isSingleStream(selection)) return from(Math.max(0, position - 1));
  const fromPosition = { ...selection, fromPosition: position };
  // Stream positions only increase, so once the stream has reached the position every later poke qualifies.
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
  // A cursor that names its log is newer than `epoch`, which an EventSource repeats in its URL forever.
  if (claimed?.tag !== undefined) {
    if (claimed.tag !== tagOf(epoch)) return reset('other-epoch', null, null);
  } else if (request.epoch !== undefined && request.epoch !== epoch) return reset('other-epoch', request.epoch, null);
  // A cursor without a log that lies beyond the head belongs to another log, for example one from before a restart. If
  // it names this log, the subscription waits.
  else if (claimed !== undefined && claimed.globalPosition > head) return reset('cursor-ahead', null, null);
  // A request without a cursor starts with the first existing message and so misses nothing.
  return namesCursor(request) && from <= forgottenUpTo ? reset('forgotten', epoch, forgottenUpTo) : undefined;
}

/** Global position of the first requested message, if the request names one. */
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
