import type { Row } from '../../support/nodes/ledger.ts';
import type { PostgresCluster } from '../postgres-cluster.ts';

/** The whole table in order of global position. */
export async function readRows(cluster: PostgresCluster, database: string): Promise<Row[]> {
  await using client = await cluster.connect(database);
  const { rows } = await client.query<Record<keyof Row, string>>(
    'SELECT id, stream_name AS stream, position, global_position AS "globalPosition" FROM messages ORDER BY global_position',
  );
  return rows.map(({ id, stream, position, globalPosition }) => ({
    id,
    stream,
    position: Number(position),
    globalPosition: Number(globalPosition),
  }));
}
