/** Observing the duration of a request: in a series looked up before, and by labels in a histogram of prom-client. */
import { Histogram as PromHistogram, Registry } from 'prom-client';
import { Histogram } from '../../src/telemetry/histogram.ts';
import { type Cost, measure } from './bench.ts';

const options = {
  name: 'duration_seconds',
  help: 'Of requests.',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
};
const labels = { method: 'POST', route: '/streams/:stream/messages', status: '201' };

export async function histogram(): Promise<Record<string, Cost>> {
  const ours = new Histogram({ ...options, registry: new Registry() }).series(labels);
  const theirs = new PromHistogram({ ...options, registers: [new Registry()] });
  return {
    'observe in a series': await measure('observe in a series', (count) => {
      for (let made = 0; made < count; made++) ours.observe((made % 100) / 10_000);
    }),
    'observe by labels, prom-client': await measure('observe by labels, prom-client', (count) => {
      for (let made = 0; made < count; made++) theirs.observe({ ...labels }, (made % 100) / 10_000);
    }),
  };
}
