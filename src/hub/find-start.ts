import type { Log } from '../store/log.ts';
import type { LogTail } from './log-tail.ts';
import type { ReadSlots } from './read-slots.ts';
import {
  needsFreshBounds,
  needsLeftOver,
  needsOwnBounds,
  needsVersion,
  type StartingPoint,
  type SubscribeRequest,
  startingPoint,
} from './starting-point.ts';

/** Sources that {@link findStart} reads. */
export type StartSources = { readonly log: Log; readonly slots: ReadSlots; readonly tail: LogTail };

/** Reads what determines the start of a subscription, and decides the start. Waits until the tail has begun. */
export async function findStart(request: SubscribeRequest, { log, slots, tail }: StartSources): Promise<StartingPoint> {
  if (!tail.hasBegun) await tail.begun;
  const version = needsVersion(request) ? await slots.run(log, () => log.version(request.selection.streams[0]!)) : -1;
  const known = tail.bounds!;
  // Read after the version, so that the message with that version is not beyond this head.
  const { selection } = request;
  const bounds = needsOwnBounds(request, known)
    ? await slots.run(log, () => log.bounds(selection))
    : needsFreshBounds(request, known.head)
      ? await tail.freshBounds()
      : known;
  const leftOver = needsLeftOver(request, bounds)
    ? await slots.run(log, () => log.last(selection, 0, bounds.forgottenUpTo))
    : 0;
  return startingPoint(request, bounds, { version, leftOver });
}
