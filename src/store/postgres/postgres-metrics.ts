import type { Metrics } from '../../telemetry/metrics.ts';
import type { Connection } from './connection.ts';
import type { Lane } from './lane.ts';
import type { SettledLog } from './settled-log.ts';

/** What is measured of a database. */
export type PostgresMeasured = {
  readonly settled: () => SettledLog;
  readonly lanes: readonly Lane[];
  readonly connections: readonly Connection[];
};

/** Adds the state of the reader, the lanes and the connections to the metrics. */
export function measurePostgres(metrics: Metrics, { settled, lanes, connections }: PostgresMeasured): void {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  metrics.counter('pokewire_store_polls_total', 'Looks at the table for news.', () => settled().polls);
  metrics.gauge(
    'pokewire_store_stall_seconds',
    'How long an open transaction of somebody has held up the order of the log; 0: none does.',
    () => settled().stall?.ageS ?? 0,
  );
  metrics.gauges(
    'pokewire_store_stall_transaction_seconds',
    'Age of the transaction that has held up the order of the log for more than a second.',
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
    'Messages of others that nobody is poked about: their stream names are too long or have control characters.',
    () => settled().unpokable,
  );
  metrics.counter('pokewire_store_connection_breaks_total', 'Connections that broke or could not be opened.', () =>
    sum(connections.map(({ breaks }) => breaks)),
  );
  metrics.gauge('pokewire_store_lane_queue_length', 'Appends that wait for a lane.', () =>
    sum(lanes.map(({ waiting }) => waiting)),
  );
  metrics.counter('pokewire_store_lane_commits_total', 'Transactions that appended.', () =>
    sum(lanes.map(({ groups }) => groups)),
  );
}
