import type { Query } from './read-pokes.ts';

/** Size of the table according to the database's statistics. */
export type Estimate = readonly [
  messages: number,
  streams: number,
  bytes: number,
  oldestMicros: number | null,
  newestMicros: number | null,
];

const edge = (order: string) =>
  `(SELECT (extract(epoch FROM time) * 1000000)::bigint FROM message_store.messages ORDER BY global_position ${order} LIMIT 1)`;

const estimateSql = `SELECT greatest(c.reltuples, 0)::bigint,
  coalesce((SELECT CASE WHEN n_distinct < 0 THEN -n_distinct * greatest(c.reltuples, 0) ELSE n_distinct END FROM pg_stats
    WHERE schemaname = 'message_store' AND tablename = 'messages' AND attname = 'stream_name'), 0)::bigint,
  pg_total_relation_size(c.oid), ${edge('ASC')}, ${edge('DESC')}
  FROM pg_class c WHERE c.oid = 'message_store.messages'::regclass`;

/** From statistics, because counting would take long in a large table. */
export async function readEstimate(query: Query): Promise<Estimate> {
  const { rows } = await query<Estimate>(estimateSql);
  return rows[0]!;
}
