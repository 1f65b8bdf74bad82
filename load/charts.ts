/** `npm run load:charts`: writes docs/benchmarks.md and docs/charts/ from the newest result of each scenario. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barChart, lineChart } from './lib/chart.ts';
import { benchmarksPage, type Picture } from './lib/page.ts';
import { linesOf, newestBounds, newestResults } from './lib/result-files.ts';
import type { Series } from './lib/results.ts';

const root = join(import.meta.dirname, '..');
const results = newestResults(join(root, 'load/results'));
const charts = join(root, 'docs/charts');
const pictures: Picture[] = [];
mkdirSync(charts, { recursive: true });

const seriesOf = (scenario: string): readonly Series[] => results.get(scenario)?.result.series ?? [];

function draw(scenario: string, name: string, alt: string, svg: string): void {
  writeFileSync(join(charts, `${name}.svg`), svg);
  pictures.push({ scenario, file: `charts/${name}.svg`, alt });
}

function drawBars(scenario: string, name: string, title: string, y: string, metric: string): void {
  const measured = seriesOf(scenario).filter(({ median }) => Number.isFinite(median[metric]));
  if (measured.length === 0) return;
  const bars = [{ name: y, values: measured.map(({ median }) => median[metric]!) }];
  draw(scenario, name, title, barChart({ title, y, groups: measured.map(({ target }) => target), bars }));
}

function drawLines(scenario: string, name: string, options: Parameters<typeof lineChart>[0]): void {
  if (options.lines.length > 0) draw(scenario, name, options.title, lineChart(options));
}

drawBars('fan-out', 'fan-out', '1 publisher, 1,000 subscribers', 'deliveries/s', 'deliveriesPerSecond');
drawBars('fan-out', 'fan-out-cpu', '1 publisher, 1,000 subscribers: CPU', 'µs/delivery', 'cpuUsPerDelivery');
drawBars(
  'concurrent-publishers',
  'concurrent-publishers',
  '64 publishers, 1,000 subscribers',
  'deliveries/s',
  'deliveriesPerSecond',
);

drawBars('durable-append', 'durable-append', 'Single appends over 64 connections', 'appends/s', 'appendsPerSecond');
drawBars('durable-append', 'durable-arrays', 'Appends of 100 messages', 'messages/s', 'arrayMessagesPerSecond');
drawBars('durable-delivery', 'durable-alone', 'Append to poke, alone, median', 'ms', 'aloneP50Ms');
drawBars(
  'durable-delivery',
  'durable-delivery',
  '64 publishers, 1,000 subscribers',
  'deliveries/s',
  'deliveriesPerSecond',
);
drawBars('durable-catch-up', 'durable-catch-up', 'Catch-up of 1,000,000 messages', 'pokes/s', 'pokesPerSecond');

for (const [publishers, said] of [
  [1, '1 publisher'],
  [64, '64 publishers'],
] as const) {
  drawLines('subscribers', `throughput-${publishers}`, {
    title: `Throughput against subscribers, ${said}`,
    x: 'subscribers',
    y: 'deliveries/s',
    logarithmic: 'x and y',
    lines: linesOf(
      seriesOf('subscribers'),
      'subscribers',
      'deliveriesPerSecond',
      (setting) => setting?.publishers === publishers,
    ),
  });
}

for (const [metric, said] of [
  ['p50Ms', 'median'],
  ['p99Ms', '99th percentile'],
] as const) {
  drawLines('latency', `latency-${metric.slice(0, 3)}`, {
    title: `Append to delivery, 1,000 subscribers, ${said}`,
    x: 'messages/s',
    y: 'ms',
    logarithmic: 'y',
    lines: linesOf(seriesOf('latency'), 'perSecond', metric, (setting) => setting?.subscribers === 1_000),
  });
}

const memory = seriesOf('idle-memory').map(({ target, median }) => ({
  name: target,
  points: Object.entries(median)
    .filter(([name]) => name.startsWith('kibEachAt'))
    .map(([name, kib]) => [Number(name.slice('kibEachAt'.length)), kib] as const),
}));
drawLines('idle-memory', 'memory', {
  title: 'Resident memory per idle subscriber',
  x: 'connections',
  y: 'KiB each',
  logarithmic: 'none',
  lines: memory,
});

const pooling = seriesOf('pooling');
for (const [name, title, y, metric] of [
  ['pooling-cpu', 'Pools on and off: CPU', 'µs/delivery', 'cpuUsPerDelivery'],
  ['pooling-allocation', 'Pools on and off: allocation', 'bytes/delivery', 'allocatedBytesPerDelivery'],
] as const) {
  if (pooling.length === 0) continue;
  const groups = [
    ...new Set(
      pooling.map(({ setting }) => (setting?.publishers === 1 ? '1 publisher' : `${setting?.publishers} publishers`)),
    ),
  ];
  const bars = ['pooling on', 'pooling off'].map((target) => ({
    name: target,
    values: pooling.filter((one) => one.target === target).map(({ median }) => median[metric]!),
  }));
  draw('pooling', name, title, barChart({ title, y, groups, bars }));
}

drawBars(
  'postgres-append',
  'postgres-append',
  'Single appends to one category of PostgreSQL',
  'appends/s',
  'appendsPerSecond',
);
drawBars('postgres-delivery', 'postgres-delivery', 'Append to poke over PostgreSQL, median', 'ms', 'p50Ms');
drawBars(
  'postgres-nodes',
  'postgres-nodes',
  'Nodes on a quarter of a core each',
  'deliveries/s',
  'deliveriesPerSecond',
);

drawBars('nats-append', 'nats-append', 'Single appends to JetStream, 64 in flight', 'appends/s', 'appendsPerSecond');
drawBars('nats-delivery', 'nats-alone', 'Append to poke over JetStream, median', 'ms', 'p50Ms');
drawBars(
  'nats-delivery',
  'nats-delivery',
  '64 publishers, 1,000 subscribers, over JetStream',
  'deliveries/s',
  'deliveriesPerSecond',
);
drawBars(
  'nats-catch-up',
  'nats-catch-up',
  'Catch-up of 1,000,000 messages from JetStream',
  'pokes/s',
  'pokesPerSecond',
);

writeFileSync(
  join(root, 'docs/benchmarks.md'),
  benchmarksPage(results, pictures, newestBounds(join(root, 'load/results'))),
);
console.log(`docs/benchmarks.md and ${pictures.length} charts`);
