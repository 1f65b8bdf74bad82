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

/** The message of a row. Other writers may store no data, or JSON that is not an object; it is returned unchanged. */
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

/** Removes the spaces that `jsonb` writes after colons and commas outside of strings. */
export function compact(json: string): JsonText {
  if (!json.includes(' ')) return json;
  return json.replace(/"(?:[^"\\]|\\.)*"|[^"\s]+|\s+/g, (part) => (part[0] === ' ' ? '' : part));
}
