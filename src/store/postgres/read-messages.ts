import type { Message } from '../../message/message.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { LogFilter, MessagePage, StreamStart } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { maxPageBytes, maxPageMessages } from '../shared/page-limits.ts';
import { type MessageRow, messageColumns, messageOfRow } from './message-row.ts';
import type { Query } from './read-pokes.ts';

/** Maximum number of rows examined in one call, so that a filter with few matches does not delay others. */
const maxRowsLookedAt = 8_192;
const rowsPerLook = 1_024;
/** Payloads fetched at first. Rows beyond the page's byte limit are discarded, so fewer are fetched if they are long. */
const rowsOfFirstFetch = 16;
const rowsPerFetch = 256;

/** A message to fetch: its position in the log, and where a read that starts with it begins. */
type Wanted = { readonly globalPosition: number; readonly start: number };

const table = 'message_store.messages m';

/** Messages of a stream from a position or global position on. */
export async function readStreamPage(
  query: Query,
  epoch: LogId,
  stream: string,
  from: StreamStart,
  limit: number,
): Promise<MessagePage> {
  const byPosition = 'position' in from;
  const most = Math.min(limit, maxPageMessages);
  const column = byPosition ? 'position' : 'global_position';
  const { rows } = await query<readonly [number, number]>(
    `SELECT global_position, position FROM ${table} WHERE stream_name = $1 AND ${column} >= $2 ORDER BY position LIMIT $3`,
    [stream, byPosition ? from.position : from.globalPosition, most + 1],
  );
  const wanted = rows.map(([globalPosition, position]) => ({
    globalPosition,
    start: byPosition ? position : globalPosition,
  }));
  return fetchPage(query, epoch, wanted.slice(0, most), wanted[most]?.start ?? null);
}

/** Messages of the log from a global position up to the settled head; the filter applies before the limit. */
export async function readLogPage(
  query: Query,
  epoch: LogId,
  { category, group, correlation }: LogFilter,
  from: number,
  limit: number,
  head: number,
): Promise<MessagePage> {
  const most = Math.min(limit, maxPageMessages);
  const conditions = ['global_position >= $1', 'global_position <= $2'];
  const values: unknown[] = [from, head, group === undefined ? most + 1 : rowsPerLook];
  if (category !== undefined) conditions.push(`message_store.category(stream_name) = $${values.push(category)}`);
  if (correlation !== undefined) {
    const name = "metadata->>'correlationStreamName'";
    conditions.push(`jsonb_typeof(metadata->'correlationStreamName') = 'string'`);
    conditions.push(`message_store.category(${name}) = $${values.push(correlation)}`);
  }
  const sql = `SELECT global_position, stream_name FROM ${table} WHERE ${conditions.join(' AND ')}
    ORDER BY global_position LIMIT $3`;
  const wanted: Wanted[] = [];
  let next = from;
  for (let looked = 0; looked < maxRowsLookedAt; looked += rowsPerLook) {
    values[0] = next;
    const { rows } = await query<readonly [number, string]>(sql, values);
    for (const [globalPosition, stream] of rows) {
      if (group !== undefined && !new StreamName(stream).ownedBy(group)) continue;
      if (wanted.length === most) return fetchPage(query, epoch, wanted, globalPosition);
      wanted.push({ globalPosition, start: globalPosition });
    }
    if (rows.length < Number(values[2])) return fetchPage(query, epoch, wanted, null);
    next = rows.at(-1)![0] + 1;
  }
  return fetchPage(query, epoch, wanted, next);
}

/** The stream's last message, or its last message of a type. */
export async function readLastMessage(
  query: Query,
  stream: string,
  type: string | undefined,
): Promise<Message | undefined> {
  const { rows } = await query<MessageRow>(
    `SELECT ${messageColumns} FROM ${table} WHERE stream_name = $1 ${type === undefined ? '' : 'AND type = $2'}
     ORDER BY position DESC LIMIT 1`,
    type === undefined ? [stream] : [stream, type],
  );
  return rows[0] === undefined ? undefined : messageOfRow(rows[0]);
}

/** Fetches payloads until the page is full by bytes. `next`: where the read continues after all of them. */
async function fetchPage(
  query: Query,
  epoch: LogId,
  wanted: readonly Wanted[],
  next: number | null,
): Promise<MessagePage> {
  const messages: Message[] = [];
  let bytes = 0;
  let count = rowsOfFirstFetch;
  for (let at = 0; at < wanted.length; ) {
    const part = wanted.slice(at, at + count);
    at += part.length;
    const { rows } = await query<MessageRow>(
      `SELECT ${messageColumns} FROM ${table} WHERE global_position = ANY($1::bigint[]) ORDER BY global_position`,
      [part.map(({ globalPosition }) => globalPosition)],
    );
    for (const row of rows) {
      const message = messageOfRow(row);
      const size = Buffer.byteLength(message.data) + Buffer.byteLength(message.metadata ?? '');
      if (bytes + size > maxPageBytes && messages.length > 0) {
        const { start } = part.find(({ globalPosition }) => globalPosition === message.globalPosition)!;
        return { messages, epoch, next: start };
      }
      bytes += size;
      messages.push(message);
    }
    const mean = Math.max(1, bytes / Math.max(1, messages.length));
    count = Math.min(rowsPerFetch, Math.max(1, Math.ceil((maxPageBytes - bytes) / mean)));
  }
  return { messages, epoch, next };
}
