import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresCluster } from './postgres-cluster.ts';

/** Results of the writers. */
export type Written = { committed: number; rolledBack: number };

/**
 * Writes like other services, with `write_message` in transactions that stay open for a while; every fifth is rolled
 * back. Stops when the signal aborts.
 */
export async function writeAsOthers(
  cluster: PostgresCluster,
  database: string,
  writers: number,
  signal: AbortSignal,
): Promise<Written> {
  const written: Written = { committed: 0, rolledBack: 0 };
  const write = async (writer: number) => {
    await using client = await cluster.connect(database, 'message_store');
    for (let n = 0; !signal.aborted; n++) {
      await client.query('BEGIN');
      const messages = 1 + ((n + writer) % 3);
      for (let count = 0; count < messages; count++) {
        const stream = `foreign${(writer + n) % 12}-${n % 5}`;
        await client.query("SELECT write_message($1, $2, 'Written', '{}')", [randomUUID(), stream]);
      }
      if (n % 3 === 0) await delay(((n * 7 + writer * 11) % 40) + 1);
      const isRolledBack = (n + writer) % 5 === 0;
      await client.query(isRolledBack ? 'ROLLBACK' : 'COMMIT');
      if (isRolledBack) written.rolledBack += messages;
      else written.committed += messages;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_value, writer) => write(writer)));
  return written;
}
