import type { Message } from '../../message/message.ts';
import { packedIdBytes, packId, unpackId } from '../shared/packed-id.ts';

/** Columns of a {@link MessageRow}, from `messages` as m. */
export const messageColumns =
  'm.id, m.type, m.position, m.global, m.data, m.metadata, m.time_ms, m.time_nanos, m.stream';

export type MessageRow = readonly [
  id: string | Uint8Array,
  type: string,
  position: number,
  globalPosition: number,
  data: string,
  metadata: string | null,
  timeMs: number,
  timeNanos: number,
  stream: number,
];

/** The message of a row; the name of its stream is looked up by its number. */
export function messageOfRow(row: MessageRow, nameOf: (stream: number) => string): Message {
  const [id, type, position, globalPosition, data, metadata, timeMs, timeNanos, stream] = row;
  return {
    id: textOfId(id),
    stream: nameOf(stream),
    type,
    position,
    globalPosition,
    data,
    metadata,
    timeMs,
    timeNanos,
  };
}

/** An id as it is stored: 16 bytes for a UUID in lower case. */
export function storedId(id: string): string | Uint8Array {
  const bytes = new Uint8Array(packedIdBytes);
  return packId(id, bytes, 0) ? bytes : id;
}

function textOfId(id: string | Uint8Array): string {
  return typeof id === 'string' ? id : unpackId(id, 0);
}
