import { expect, test } from 'vitest';
import { Latencies } from '../../src/cli/latencies.ts';

test('Quantiles cover all durations, with a resolution of a few percent.', () => {
  const latencies = new Latencies();
  for (let n = 1; n <= 1_000; n++) latencies.add(n / 10);
  const { p50Ms, p99Ms } = latencies.quantiles;
  expect(p50Ms).toBeGreaterThanOrEqual(50);
  expect(p50Ms).toBeLessThan(51.5);
  expect(p99Ms).toBeGreaterThanOrEqual(99);
  expect(p99Ms).toBeLessThan(102);
});

test('Extremely long durations are counted too.', () => {
  const latencies = new Latencies();
  for (const ms of [0, 1e-9, 1e12]) latencies.add(ms);
  expect([latencies.count, latencies.quantiles.p50Ms]).toEqual([3, 0.001]);
});

test('Without durations the quantiles are 0.', () => {
  expect(new Latencies().quantiles).toEqual({ p50Ms: 0, p99Ms: 0 });
});
