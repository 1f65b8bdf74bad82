import { type SelectionKind, selectionKinds } from '../message/selection.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type CloseReason, closeReasons } from './close-reason.ts';
import type { Hub } from './hub.ts';

const delayBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const lifetimeBuckets = [1, 10, 60, 300, 1_800, 3_600, 14_400, 86_400];

/** Counters that the hub's observer updates. */
export type HubCounts = {
  readonly opened: (kind: SelectionKind) => void;
  readonly closed: (kind: SelectionKind, reason: CloseReason, seconds: number) => void;
  readonly delivered: (delayMs: number) => void;
};

/** Registers the counters that the hub's observer updates. */
export function countHubEvents(metrics: Metrics): HubCounts {
  const opened = metrics.events(
    'pokewire_subscriptions_opened_total',
    'Subscriptions opened, by kind of selection.',
    'kind',
    selectionKinds,
  );
  const closed = metrics.events(
    'pokewire_subscriptions_closed_total',
    'Subscriptions closed, by reason.',
    'reason',
    closeReasons,
  );
  const durations = metrics.histogram({
    name: 'pokewire_subscription_duration_seconds',
    help: 'Lifetime of event streams, observed at their end.',
    labelNames: ['kind'] as const,
    buckets: lifetimeBuckets,
  });
  for (const kind of selectionKinds) durations.series({ kind });
  const delays = metrics
    .histogram({
      name: 'pokewire_poke_delay_seconds',
      help: 'Time from append to the write of frames to live subscriptions, once per message appended by this node.',
      buckets: delayBuckets,
    })
    .series({});
  return {
    opened,
    closed(kind, reason, seconds) {
      closed(reason);
      durations.observe({ kind }, seconds);
    },
    delivered: (delayMs) => delays.observe(delayMs / 1_000),
  };
}

/** Registers the metrics that read the hub's own counts. */
export function measureHub(metrics: Metrics, hub: Hub): void {
  const { stats } = hub.batch;
  const caughtUp = hub.catchUpStats;
  const byKind = (live: number, catchUp: number) => [
    { labels: { kind: 'live' }, value: live },
    { labels: { kind: 'catch-up' }, value: catchUp },
  ];
  metrics.counter(
    'pokewire_frames_encoded_total',
    'Pokes encoded for live subscriptions, once each.',
    () => stats.framesEncoded,
  );
  metrics.counter(
    'pokewire_lagging_episodes_total',
    'Number of times that the socket of a live subscription was full.',
    () => hub.laggingEpisodes,
  );
  metrics.counters(
    'pokewire_catch_up_reads_total',
    'Pages read for subscriptions: from the store, or from the window of the last pokes.',
    ['source'],
    () => [
      { labels: { source: 'store' }, value: caughtUp.reads - caughtUp.windowReads },
      { labels: { source: 'window' }, value: caughtUp.windowReads },
    ],
  );
  metrics.gauge('pokewire_catch_up_waiting', 'Subscriptions that wait for their next page.', () => hub.catchUpWaiting);
  metrics.counter(
    'pokewire_log_read_failures_total',
    'Failed reads of a log for its subscriptions, which are retried.',
    () => hub.failedReads,
  );
  metrics.gauge(
    'pokewire_cursor_forgotten_in_seconds',
    'Estimated time until retention overtakes a lagging subscription; +Inf: never.',
    () => hub.forgottenInSeconds,
  );
  metrics.gauge('pokewire_logs_followed', 'Logs that this node follows.', () => hub.logs);
  metrics.gauge(
    'pokewire_logs_failing',
    'Followed logs whose reads fail repeatedly; their subscriptions wait.',
    () => hub.failingLogs,
  );
  metrics.counters('pokewire_pokes_sent_total', 'Pokes written to sockets, by source.', ['kind'], () =>
    byKind(stats.pokes, caughtUp.pokes),
  );
  metrics.counters('pokewire_sent_bytes_total', 'Bytes of frames written to sockets.', ['kind'], () =>
    byKind(stats.bytes, caughtUp.bytes),
  );
  metrics.gauges(
    'pokewire_subscriptions',
    'Open subscriptions, by kind of selection and state.',
    ['kind', 'state'],
    () => hub.census().map(({ kind, state, count }) => ({ labels: { kind, state }, value: count })),
  );
}
