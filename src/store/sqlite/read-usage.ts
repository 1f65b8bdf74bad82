import type { DatabaseSync } from 'node:sqlite';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** Counts over all logs, and the file's size. */
export type SqliteUsage = {
  readonly messages: number;
  readonly streams: number;
  /** Time of the oldest message by global position. */
  readonly oldestMs: number | undefined;
  readonly fileBytes: number;
  /** Part of the file that later writes reuse. */
  readonly freeBytes: number;
};

export function readUsage(database: DatabaseSync): () => SqliteUsage {
  const counts = new Query<readonly [number | null, number | null]>(
    database,
    `SELECT sum(messages), sum(streams) FROM logs WHERE state = ${logState.live}`,
  );
  const oldest = new Query<readonly [number]>(database, 'SELECT time_ms FROM messages ORDER BY number LIMIT 1');
  const pragma = (name: string) => new Query<readonly [number]>(database, `PRAGMA ${name}`);
  const [pages, free, pageBytes] = [pragma('page_count'), pragma('freelist_count'), pragma('page_size')];
  return () => {
    const [messages, streams] = counts.first()!;
    const bytes = pageBytes.first()![0];
    return {
      messages: messages ?? 0,
      streams: streams ?? 0,
      oldestMs: oldest.first()?.[0],
      fileBytes: pages.first()![0] * bytes,
      freeBytes: free.first()![0] * bytes,
    };
  };
}
