import type { Metrics } from '../../telemetry/metrics.ts';
import type { Connection } from './connection.ts';
import type { Lane } from './lane.ts';
import type { SettledLog } from './settled-log.ts';

const lookBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The parts of a store in PostgreSQL that its metrics measure. */
export type PostgresMeasured = {
  readonly settled: () => SettledLog;
  readonly lanes: readonly Lane[];
  readonly connections: readonly Connection[];
};

/** Registers metrics of the reader, lanes and connections; returns the function that records the duration of a poll. */
export function measurePostgres(
  metrics: Metrics,
  { settled, lanes, connections }: PostgresMeasured,
): (durationMs: number) => void {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  metrics.counter('pokewire_store_polls_total', 'Polls of the table.', () => settled().polls);
  const looks = metrics
    .histogram({
      name: 'pokewire_store_poll_duration_seconds',
      help: 'Duration of a poll of the table, including the wait for its connection.',
      buckets: lookBuckets,
    })
    .series({});
  metrics.gauge(
    'pokewire_store_unsettled_positions',
    'Visible positions after the settled head.',
    () => settled().unsettled,
  );
  metrics.gauge(
    'pokewire_store_stall_seconds',
    'How long an open transaction has blocked the order of the log; 0: none does.',
    () => settled().stall?.ageS ?? 0,
  );
  metrics.gauges(
    'pokewire_store_stall_transaction_seconds',
    'Age of the transaction that has blocked the order of the log for more than a second.',
    ['pid', 'application'],
    () => {
      const culprit = settled().stall?.culprit;
      if (culprit === undefined) return [];
      const { pid, application, ageS } = culprit;
      return [{ labels: { pid: String(pid), application }, value: ageS }];
    },
  );
  metrics.counter(
    'pokewire_store_unpokable_total',
    'Messages of other writers without pokes, because their stream names are too long or contain control characters.',
    () => settled().unpokable,
  );
  metrics.counter('pokewire_store_connection_breaks_total', 'Connections that broke or could not be opened.', () =>
    sum(connections.map(({ breaks }) => breaks)),
  );
  metrics.counter('pokewire_store_queries_total', 'Statements sent to the database.', () =>
    sum(connections.map(({ queries }) => queries)),
  );
  metrics.gauge('pokewire_store_connections', 'Connections that are open, or being opened.', () =>
    sum(connections.map(({ isOpen }) => Number(isOpen))),
  );
  metrics.gauge('pokewire_store_connections_busy', 'Connections with statements under way.', () =>
    sum(connections.map(({ underWay }) => Number(underWay > 0))),
  );
  metrics.gauge(
    'pokewire_store_connections_max',
    'Maximum number of connections of this node.',
    () => connections.length,
  );
  metrics.gauge('pokewire_store_lane_queue_length', 'Appends that wait for a lane.', () =>
    sum(lanes.map(({ waiting }) => waiting)),
  );
  metrics.counter('pokewire_store_lane_commits_total', 'Transactions that appended.', () =>
    sum(lanes.map(({ groups }) => groups)),
  );
  return (durationMs) => looks.observe(durationMs / 1_000);
}
