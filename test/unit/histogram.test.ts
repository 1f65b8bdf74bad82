import { Histogram as PromHistogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Histogram } from '../../src/telemetry/histogram.ts';

const options = {
  name: 'duration_seconds',
  help: 'How long it took.',
  labelNames: ['route', 'status'] as const,
  buckets: [0.5, 1, 5],
};

test('A histogram shows the same as one of prom-client for the same observations.', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const histogram = new Histogram({ ...options, registry: ours });
  const reference = new PromHistogram({ ...options, registers: [theirs] });
  const series = [
    { route: '/a"\\\n', status: '200' },
    { route: '/b', status: '500' },
  ];
  for (const labels of series) {
    for (const value of [0, 0.5, 0.7, 1, 4, 5, 5.1, 100]) {
      histogram.observe(labels, value);
      reference.observe(labels, value);
    }
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
});

test('A series without observations is exported, and equal labels share one series.', async () => {
  const registry = new Registry();
  const histogram = new Histogram({ ...options, registry });
  const series = histogram.series({ route: '/a', status: '200' });
  expect(await registry.metrics()).toContain('duration_seconds_count{route="/a",status="200"} 0');
  expect(histogram.series({ status: '200', route: '/a' })).toBe(series);
});
