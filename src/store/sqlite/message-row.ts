import type { Message } from '../../message/message.ts';
import { packedIdBytes, packId } from '../shared/packed-id.ts';

/** Begins an id that is no UUID. */
const verbatim = ':';

/**
 * Columns of a {@link MessageRow}, from `messages` as m. SQLite writes out the bytes of a UUID, since an array for each of them
 * is a fifth of the time that a page takes (`npm run load -- durable-catch-up`).
 */
export const messageColumns = `iif(typeof(m.id) = 'blob', lower(hex(m.id)), '${verbatim}' || m.id), m.type, m.position, m.global,
  m.data, m.metadata, m.time_ms, m.time_nanos, m.stream`;

export type MessageRow = readonly [
  id: string,
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

function textOfId(id: string): string {
  if (id.startsWith(verbatim)) return id.slice(verbatim.length);
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}
