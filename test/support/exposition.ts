/** One sample line. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** One metric with all its samples; those of a histogram have names such as `…_bucket`. */
export type Metric = { readonly type: string; readonly samples: Sample[] };

/** The Prometheus text format, parsed. */
export class Exposition {
  readonly metrics = new Map<string, Metric>();

  constructor(text: string) {
    let metric: Metric | undefined;
    for (const line of text.split('\n')) {
      const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      if (name !== undefined) {
        metric = { type: type!, samples: [] };
        this.metrics.set(name, metric);
      } else if (line !== '' && !line.startsWith('#')) metric!.samples.push(parseSample(line));
    }
  }

  /** Sum of the samples with these labels; 0 if there are none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0;
    for (const sample of this.#samplesOf(name)) {
      if (Object.entries(labels).every(([label, value]) => sample.labels[label] === value)) sum += sample.value;
    }
    return sum;
  }

  /** Values of a label in the samples of a metric. */
  labelValues(name: string, label: string): Set<string> {
    return new Set(this.#samplesOf(name).map(({ labels }) => labels[label] ?? ''));
  }

  /** The metric to which a name in a query belongs: `x_bucket` belongs to the histogram `x`. */
  metricOf(name: string): string | undefined {
    if (this.metrics.has(name)) return name;
    const base = name.replace(/_(bucket|sum|count)$/, '');
    return this.metrics.get(base)?.type === 'histogram' ? base : undefined;
  }

  #samplesOf(name: string): Sample[] {
    const metric = this.metricOf(name);
    if (metric === undefined) throw new TypeError(`there is no metric ${name}`);
    return this.metrics.get(metric)!.samples.filter((sample) => sample.name === name);
  }
}

function parseSample(line: string): Sample {
  // A label may contain any character, including those that end a line in JavaScript.
  const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
  if (name === undefined) throw new TypeError(`not a sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gs)].map(([, label, text]) => [label, text]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}
