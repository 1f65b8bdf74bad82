import { getHeapStatistics } from 'node:v8';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Histogram, type HistogramOptions } from './histogram.ts';

/** Labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/** Series read at the scrape. */
export type Readings = Iterable<{ readonly labels: Labels; readonly value: number }>;

/**
 * The metrics of the process. Every part registers its own here; values counted elsewhere are read at the scrape.
 * Labels have few values; none is a name chosen by a writer, except for a bounded number of consumer groups.
 * `docs/metrics.md` lists all metrics; a test keeps it equal.
 */
export class Metrics {
  readonly registry = new Registry();

  constructor(version: string) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'pokewire_build_info',
      help: 'Always 1; the label holds the version.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
    this.counter(
      'pokewire_process_allocated_bytes_total',
      'Bytes allocated on the JavaScript heap since the start.',
      () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes ?? 0,
    );
  }

  /** A counter whose value is read; undefined: unknown, so it keeps its last value. */
  counter(name: string, help: string, read: () => number | Promise<number | undefined>): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      async collect() {
        const value = await read();
        if (value === undefined) return;
        this.reset();
        this.inc(value);
      },
    });
  }

  /** A counter with labels whose series are read. */
  counters(name: string, help: string, labelNames: readonly string[], read: () => Readings): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.inc(labels, value);
      },
    });
  }

  /**
   * A counter of events with one label. All series start at 0, because `increase()` misses the first event of a series
   * that starts at 1.
   */
  events<Value extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly Value[],
  ): (value: Value) => void {
    const counts = new Map<Value, number>(values.map((value) => [value, 0]));
    const read = () => Array.from(counts, ([value, count]) => ({ labels: { [label]: value }, value: count }));
    this.counters(name, help, [label], read);
    return (value) => counts.set(value, (counts.get(value) ?? 0) + 1);
  }

  /** A gauge whose value is read; undefined: unknown, so it has no series in this scrape. */
  gauge(name: string, help: string, read: () => number | Promise<number | undefined>): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        const value = await read();
        if (value === undefined) this.remove({});
        else this.set(value);
      },
    });
  }

  /** A gauge with labels whose series are read. */
  gauges(name: string, help: string, labelNames: readonly string[], read: () => Readings): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.set(labels, value);
      },
    });
  }

  histogram<Label extends string = never>(options: Omit<HistogramOptions<Label>, 'registry'>): Histogram<Label> {
    return new Histogram({ ...options, registry: this.registry });
  }
}
