import type { LogLoss } from './log-blocks.ts';
import type { Metrics } from './metrics.ts';

/** Registers the metrics of dropped log lines. */
export function measureLogs(metrics: Metrics, dropped: LogLoss): void {
  metrics.counter(
    'pokewire_log_lines_dropped_total',
    'Log lines dropped because standard output was blocked.',
    () => dropped.lines,
  );
  metrics.counter('pokewire_log_bytes_dropped_total', 'Bytes of dropped log lines.', () => dropped.bytes);
}
