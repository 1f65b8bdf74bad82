import type { Metrics } from '../telemetry/metrics.ts';
import type { RetentionKeeper } from './retention-keeper.ts';

/** Registers the metrics of retention; returns the function that counts erased messages. */
export function measureRetention(metrics: Metrics, keeper: RetentionKeeper | undefined): (messages: number) => void {
  metrics.counter(
    'pokewire_retention_failures_total',
    'Failed attempts to delete messages beyond retention, which are retried.',
    () => keeper?.failures ?? 0,
  );
  let erased = 0;
  metrics.counter('pokewire_messages_erased_total', 'Messages erased on demand by this process.', () => erased);
  return (messages) => {
    erased += messages;
  };
}
