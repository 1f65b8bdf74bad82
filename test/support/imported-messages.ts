import type { Message } from '../../src/message/message.ts';

/** A message to import, at a place such as `account-1/5@999`; its id, unless given, says its global position. */
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

/** The same for several places. */
export function messagesAt(...places: readonly string[]): Message[] {
  return places.map((place) => messageAt(place));
}
