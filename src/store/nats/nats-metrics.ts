import type { Metrics } from '../../telemetry/metrics.ts';
import type { Appender } from './appender.ts';
import type { NatsLink } from './nats-link.ts';
import type { PokeReader } from './poke-reader.ts';

/** The parts of a store in NATS that its metrics measure. */
export type NatsMeasured = {
  readonly link: Pick<NatsLink, 'breaks' | 'requests' | 'underWay' | 'isConnected'>;
  readonly appender: Pick<Appender, 'retries' | 'busyStreams'>;
  readonly reader: Pick<PokeReader, 'keptCount'>;
  readonly followed: () => number;
  /** Number of consumers of followed logs that were recreated. */
  readonly restarts: () => number;
};

/** Registers metrics of the connection, appends and consumers. */
export function measureNats(metrics: Metrics, { link, appender, reader, followed, restarts }: NatsMeasured): void {
  metrics.counter('pokewire_store_nats_requests_total', 'Requests sent to NATS.', () => link.requests);
  metrics.gauge('pokewire_store_nats_requests_waiting', 'Requests that wait for an answer.', () => link.underWay);
  metrics.gauge('pokewire_store_nats_connected', 'Whether the connection is open: 1, or 0.', () =>
    Number(link.isConnected),
  );
  metrics.counter('pokewire_store_nats_breaks_total', 'How often the connection broke.', () => link.breaks);
  metrics.counter(
    'pokewire_store_nats_append_retries_total',
    'Attempts of appends that another writer overtook, or that got no answer.',
    () => appender.retries,
  );
  metrics.gauge('pokewire_store_nats_append_streams', 'Streams with appends under way.', () => appender.busyStreams);
  metrics.gauge('pokewire_store_nats_followed_logs', 'Logs that a consumer follows.', () => followed());
  metrics.counter(
    'pokewire_store_nats_consumer_restarts_total',
    'Consumers of followed logs that were recreated.',
    () => restarts(),
  );
  metrics.gauge(
    'pokewire_store_nats_catch_up_consumers',
    'Consumers that wait for the next page of a catch-up.',
    () => reader.keptCount,
  );
}
