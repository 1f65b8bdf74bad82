import type { Message } from '../../src/message/message.ts';

/** A message to import at a position such as `account-1/5@999`. The default id contains its global position. */
export function messageAt(place: string, parts: Partial<Message> = {}): Message {
  const [, stream, position, globalPosition] = /^(.+)\/(\d+)@(\d+)$/.exec(place)!;
  return {
    id: `id ${globalPosition}`,
    stream: stream!,
    type: 'Imported',
    position: Number(position),
    globalPosition: Number(globalPosition),
    data: `{"at":"${place}"}`,
    metadata: '{}',
    timeMs: 1_700_000_000_000 + Number(globalPosition),
    timeNanos: 0,
    ...parts,
  };
}

/** The same for several positions. */
export function messagesAt(...places: readonly string[]): Message[] {
  return places.map((place) => messageAt(place));
}
