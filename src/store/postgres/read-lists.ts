import type { CategorySummary, StreamSummary } from '../log.ts';
import { maxListEntries } from '../shared/page-limits.ts';
import type { Query } from './read-pokes.ts';

type StreamRow = readonly [stream: string, version: number, messages: number, lastMicros: number];

const table = 'message_store.messages';

/** Summary of a stream by index scans: its last row, and the number of rows. */
const summaryColumns = `l.position, (SELECT count(*) FROM ${table} c WHERE c.stream_name = s.name),
  (extract(epoch FROM l.time) * 1000000)::bigint`;
const lastOfStream = `CROSS JOIN LATERAL (SELECT position, time FROM ${table} x WHERE x.stream_name = s.name
  ORDER BY position DESC LIMIT 1) l`;

/** Summary of a stream; undefined if it has no message. */
export async function readStreamSummary(query: Query, stream: string): Promise<StreamSummary | undefined> {
  const { rows } = await query<StreamRow>(
    `SELECT s.name, ${summaryColumns} FROM (SELECT $1::text AS name) s ${lastOfStream}`,
    [stream],
  );
  return rows.map(summaryOf)[0];
}

/**
 * Streams in order of the database's collation, which is the index order. Jumps from name to name. A prefix is a range
 * only if names are collated by bytes; otherwise every name after `after` is examined.
 */
export async function readStreams(
  query: Query,
  isByteOrder: boolean,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<StreamSummary[]> {
  const first = isByteOrder ? `stream_name >= $1 AND` : '';
  const stop = isByteOrder ? `AND starts_with(n.name, $1)` : '';
  const { rows } = await query<StreamRow>(
    `WITH RECURSIVE n(name) AS (
       (SELECT stream_name FROM ${table} WHERE ${first} ($2::text IS NULL OR stream_name > $2) ORDER BY stream_name LIMIT 1)
       UNION ALL
       SELECT (SELECT stream_name FROM ${table} WHERE stream_name > n.name ORDER BY stream_name LIMIT 1)
       FROM n WHERE n.name IS NOT NULL ${stop}
     ), s AS (SELECT name FROM n WHERE name IS NOT NULL AND starts_with(name, $1) LIMIT $3)
     SELECT s.name, ${summaryColumns} FROM s ${lastOfStream}`,
    [prefix, after ?? null, Math.min(limit, maxListEntries)],
  );
  return rows.map(summaryOf);
}

/** Categories in order of the database's collation. */
export async function readCategories(
  query: Query,
  after: string | undefined,
  limit: number,
): Promise<CategorySummary[]> {
  const category = 'message_store.category(stream_name)';
  const { rows } = await query<readonly [string, number, number]>(
    `WITH RECURSIVE n(name) AS (
       (SELECT ${category} FROM ${table} WHERE $1::text IS NULL OR ${category} > $1 ORDER BY ${category} LIMIT 1)
       UNION ALL
       SELECT (SELECT ${category} FROM ${table} WHERE ${category} > n.name ORDER BY ${category} LIMIT 1)
       FROM n WHERE n.name IS NOT NULL
     ), s AS (SELECT name FROM n WHERE name IS NOT NULL LIMIT $2)
     SELECT s.name, c.streams, c.messages FROM s CROSS JOIN LATERAL (
       SELECT count(DISTINCT stream_name) AS streams, count(*) AS messages FROM ${table} WHERE ${category} = s.name) c`,
    [after ?? null, Math.min(limit, maxListEntries)],
  );
  return rows.map(([name, streamCount, messageCount]) => ({ category: name, streamCount, messageCount }));
}

function summaryOf([stream, version, messageCount, lastMicros]: StreamRow): StreamSummary {
  return { stream, version, messageCount, lastActivityMs: Math.floor(lastMicros / 1_000) };
}
