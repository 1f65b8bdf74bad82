import type { Message } from './message.ts';
import { sameJson, sameJsonInTurns } from './same-json.ts';

/** Whether two messages are the same in every field; data and metadata as JSON values, see {@link sameJson}. */
export function isSameMessage(one: Message, other: Message): boolean {
  return hasSamePlace(one, other) && sameJson(one.data, other.data) && sameJson(one.metadata, other.metadata);
}

/** Like {@link isSameMessage}, but yields to the event loop while it compares long texts. */
export async function isSameMessageInTurns(one: Message, other: Message): Promise<boolean> {
  return (
    hasSamePlace(one, other) &&
    (await sameJsonInTurns(one.data, other.data)) &&
    (await sameJsonInTurns(one.metadata, other.metadata))
  );
}

function hasSamePlace(one: Message, other: Message): boolean {
  return (
    one.id === other.id &&
    one.stream === other.stream &&
    one.type === other.type &&
    one.position === other.position &&
    one.globalPosition === other.globalPosition &&
    one.timeMs === other.timeMs &&
    one.timeNanos === other.timeNanos
  );
}
