import type { NewMessage } from '../../message/message.ts';
import type { Statement } from './connection.ts';
import { messageColumns } from './message-row.ts';

export const begin = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';

/** Takes the locks of the streams in $1, as `acquire_lock` does. That function cannot be called: its body needs a search path. */
export const takeLocks: Statement = {
  name: 'locks',
  text: `SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT message_store.hash_64(message_store.category(s)) AS h
    FROM unnest($1::text[]) s ORDER BY h) q`,
};

const versionOfS = '(SELECT max(position) FROM message_store.messages m WHERE m.stream_name = s)';

/** Versions of the streams in $1. */
export const readVersions: Statement = { name: 'versions', text: `SELECT s, ${versionOfS} FROM unnest($1::text[]) s` };

/** Messages with the ids in $1. */
export const readById: Statement = {
  name: 'by-id',
  text: `SELECT ${messageColumns} FROM message_store.messages m WHERE m.id = ANY($1::uuid[])`,
};

/**
 * Separates the texts of a column; names, types and JSON cannot contain it unescaped. An array literal costs more to
 * write and read, because each quote is escaped (load: postgres-append).
 */
const separator = '\u001e';
const split = (parameter: string) => `string_to_array(${parameter}::text, E'\\x1e', '')`;

/**
 * Inserts messages, and returns their global positions and positions. $1: the streams; $2: for each message, which of
 * them it belongs to; $3: its offset from the last message there. The snapshot is taken after the locks. All messages
 * get the same time, in whole milliseconds as in every store.
 */
export const insertMessages: Statement = {
  name: 'insert',
  text: `WITH v AS MATERIALIZED (
      SELECT array_agg(s ORDER BY o) AS streams, array_agg(coalesce(${versionOfS}, -1) ORDER BY o) AS versions
      FROM unnest(${split('$1')}) WITH ORDINALITY u(s, o))
    INSERT INTO message_store.messages (stream_name, position, id, type, data, metadata, time)
    SELECT v.streams[n], v.versions[n] + k, i::uuid, t, d::jsonb, m::jsonb,
      (SELECT date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'utc'))
    FROM unnest($2::int[], $3::int[], ${split('$4')}, ${split('$5')}, ${split('$6')}, ${split('$7')})
      WITH ORDINALITY u(n, k, i, t, d, m, o), v ORDER BY o
    RETURNING global_position, position`,
};

/**
 * Whether a message can be a parameter of {@link insertMessages}. Otherwise its payload is not JSON, or its type is one
 * that no route accepts.
 */
export function isInsertable({ type, data, metadata }: NewMessage): boolean {
  return !type.includes(separator) && !data.includes(separator) && metadata?.includes(separator) !== true;
}

/** Parameters of {@link insertMessages}, and the stream of each message. */
export function insertion(appends: readonly { readonly stream: string; readonly messages: readonly NewMessage[] }[]) {
  const numbers = new Map<string, number>();
  const lengths: number[] = [];
  const streamOf: string[] = [];
  const of: number[] = [];
  const behind: number[] = [];
  for (const { stream, messages } of appends) {
    const number = numbers.getOrInsertComputed(stream, () => numbers.size + 1);
    for (let length = lengths[number] ?? 0, end = length + messages.length; length < end; ) {
      behind.push(++length);
      of.push(number);
      streamOf.push(stream);
    }
    lengths[number] = (lengths[number] ?? 0) + messages.length;
  }
  const messages = appends.flatMap((append) => append.messages);
  const joined = (textOf: (message: NewMessage) => string) => messages.map(textOf).join(separator);
  const values = [
    [...numbers.keys()].join(separator),
    `{${of}}`,
    `{${behind}}`,
    joined(({ id }) => id),
    joined(({ type }) => type),
    joined(({ data }) => data),
    joined(({ metadata }) => metadata ?? ''),
  ];
  return { values, streamOf };
}
