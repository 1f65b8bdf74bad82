import type { Selection } from '../message/selection.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { SubscriptionRequest } from './subscription.ts';

/** What a subscriber asks for, as parsed from its request. */
export type SubscribeRequest = {
  readonly namespace: string;
  /** Its `fromPosition` is 0; this module sets it. */
  readonly selection: Selection;
  /** Inclusive; a stream position for a single stream, else a global position. */
  readonly position: number;
  /** Global position after which to resume; wins over `position`. */
  readonly lastEventId: number | undefined;
};

/** Decides where a subscription begins. Rejects when the store cannot be read. */
export async function startingPoint(store: MessageStore, request: SubscribeRequest): Promise<SubscriptionRequest> {
  const { namespace, selection, position, lastEventId } = request;
  const from = (cursor: number) => ({ namespace, selection, liveSelection: selection, cursor });
  if (lastEventId !== undefined) {
    // A cursor from the future is one of another log, say of before a restart: nothing of this log was told yet.
    return from(lastEventId > (await store.head(namespace)) ? 0 : lastEventId);
  }
  // `all` does not replay: it begins at the head, or later.
  if (selection.all) return from(Math.max(await store.head(namespace), position - 1));
  const [stream] = selection.streams;
  if (stream === undefined || selection.streams.length + selection.categories.length > 1) {
    return from(Math.max(0, position - 1));
  }
  const fromPosition = { ...selection, fromPosition: position };
  // Positions of a stream only rise, so once the stream has reached the position every later poke fits.
  const reached = position <= (await store.version(namespace, stream)) + 1;
  return { namespace, selection: fromPosition, liveSelection: reached ? selection : fromPosition, cursor: 0 };
}
