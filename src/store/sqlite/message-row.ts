import type { Message } from '../../message/message.ts';
import { packedIdBytes, packId } from '../shared/packed-id.ts';

/** Prefix of an id that is not a UUID. */
const verbatim = ':';

/**
 * Columns of a {@link MessageRow}, from `messages` as m. SQLite formats UUIDs as text, because allocating an array for
 * each takes a fifth of a page's time (`npm run load -- durable-catch-up`).
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

/** The message of a row. `nameOf` returns the name of its stream. */
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

/** The stored form of an id: 16 bytes for a UUID in lower case. */
export function storedId(id: string): string | Uint8Array {
  const bytes = new Uint8Array(packedIdBytes);
  return packId(id, bytes, 0) ? bytes : id;
}

function textOfId(id: string): string {
  if (id.startsWith(verbatim)) return id.slice(verbatim.length);
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}
