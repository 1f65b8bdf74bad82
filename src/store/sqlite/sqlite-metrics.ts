import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Commits } from './calls.ts';
import { freeBytesOf } from './disk-watch.ts';
import type { StoreThread } from './store-thread.ts';

const commitBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The parts of a database that its metrics measure. */
export type SqliteMeasured = {
  readonly path: string;
  readonly reserveBytes: number;
  readonly writer: StoreThread;
  readonly reader: StoreThread;
  /** Part of the file that later writes reuse, as last read. */
  readonly freeBytes: () => number;
};

/** Records commits. */
export type NoteCommits = (commits: Commits) => void;

/** Registers metrics of sizes, commits and queues; returns the function that records commits. Sizes are read on each scrape. */
export function measureSqlite(metrics: Metrics, measured: SqliteMeasured): NoteCommits {
  const { path, reserveBytes, writer, reader, freeBytes } = measured;
  metrics.gauge('pokewire_store_file_bytes', 'Bytes of the database file.', () => bytesOf(path));
  metrics.gauge('pokewire_store_wal_bytes', 'Bytes of its write-ahead log.', () => bytesOf(`${path}-wal`));
  metrics.gauge('pokewire_store_free_bytes', 'Free bytes of the file, which later writes reuse.', freeBytes);
  metrics.gauge('pokewire_store_disk_free_bytes', 'Free bytes on the disk of the database.', () =>
    freeBytesOf(dirname(path)),
  );
  metrics.gauge(
    'pokewire_store_disk_reserve_bytes',
    'Reserve: appends are refused while the disk has fewer free bytes.',
    () => reserveBytes,
  );
  metrics.gauges('pokewire_store_queue_length', 'Calls waiting for a thread of the store.', ['thread'], () => [
    { labels: { thread: 'writer' }, value: writer.waiting },
    { labels: { thread: 'reader' }, value: reader.waiting },
  ]);
  let written = 0;
  metrics.counter('pokewire_store_writes_total', 'Committed writes; several may share a commit.', () => written);
  const durations = metrics
    .histogram({
      name: 'pokewire_store_commit_duration_seconds',
      help: 'Duration of a commit, including the sync to disk.',
      buckets: commitBuckets,
    })
    .series({});
  return ({ durationsMs, writes }) => {
    written += writes;
    for (const durationMs of durationsMs) durations.observe(durationMs / 1_000);
  };
}

async function bytesOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    // The write-ahead log does not exist before the first write.
    return 0;
  }
}
