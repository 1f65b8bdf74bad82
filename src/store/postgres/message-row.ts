import type { JsonText, Message } from '../../message/message.ts';

/** Columns of a {@link MessageRow}, from `messages` as m. */
export const messageColumns =
  'm.id::text, m.stream_name, m.type, m.position, m.global_position, m.data::text, m.metadata::text, ' +
  '(extract(epoch FROM m.time) * 1000000)::bigint';

export type MessageRow = readonly [
  id: string,
  stream: string,
  type: string,
  position: number,
  globalPosition: number,
  data: string | null,
  metadata: string | null,
  timeMicros: number,
];

/** The message of a row. What others wrote may have no data, or JSON that is no object: data and metadata come as they are. */
export function messageOfRow(row: MessageRow): Message {
  const [id, stream, type, position, globalPosition, data, metadata, timeMicros] = row;
  const timeMs = Math.floor(timeMicros / 1_000);
  return {
    id,
    stream,
    type,
    position,
    globalPosition,
    data: data === null ? 'null' : compact(data),
    metadata: metadata === null || metadata === 'null' ? null : compact(metadata),
    timeMs,
    timeNanos: (timeMicros - timeMs * 1_000) * 1_000,
  };
}

/** Without the spaces that `jsonb` writes behind colons and commas outside of strings. */
export function compact(json: string): JsonText {
  if (!json.includes(' ')) return json;
  return json.replace(/"(?:[^"\\]|\\.)*"|[^"\s]+|\s+/g, (part) => (part[0] === ' ' ? '' : part));
}
