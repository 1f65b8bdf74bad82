import type { Query } from './read-pokes.ts';

/** The columns of each message that a poll reads. */
export type Row = readonly [globalPosition: number, stream: string, position: number];

/**
 * Whether the database lost messages that this node had settled, for example in a crash without `synchronous_commit`,
 * or on a standby that had not received them. Their positions are then reused. `last`: the last settled message, if
 * this node read it.
 */
export async function hasLostItsEnd(query: Query, head: number, last: Row | undefined): Promise<boolean> {
  if (head === 0) return false;
  const { rows } = await query<Row>(
    `SELECT global_position, stream_name, position FROM message_store.messages
     WHERE global_position >= $1 ORDER BY global_position LIMIT 1`,
    [last?.[0] ?? head],
  );
  if (rows[0] === undefined) return true;
  return last !== undefined && rows[0].join() !== last.join();
}
