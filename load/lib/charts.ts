import { type BarChart, barChart } from './chart.ts';
import { duration, short } from './number-text.ts';
import { type Found, placeOf } from './result-files.ts';
import type { Series } from './results.ts';
import { shownAs } from './servers.ts';

type Measure = Pick<BarChart, 'measure' | 'better' | 'format'>;

const rate = (measure: string): Measure => ({ measure, better: 'higher', format: (value) => short(value) });
const cost = (measure: string, format: (value: number) => string): Measure => ({ measure, better: 'lower', format });

const deliveries = rate('Deliveries per second');
const appends = rate('Appends per second');
const cpu = cost('CPU time per delivery', (us) => duration(us * 1e3));
const delay = (measure: string) => cost(measure, (ms) => duration(ms * 1e6));

/** Returns the group of a series; undefined omits it. */
type GroupOf = (setting: NonNullable<Series['setting']>) => string | undefined;

type Chart = Measure & {
  readonly scenario: string;
  /** File name of the chart. */
  readonly name: string;
  readonly title: string;
  /** The metric whose median is drawn. */
  readonly metric: string;
  readonly groupOf?: GroupOf;
  readonly note?: string;
};

const oneWriteEach =
  'One write carries many pokes: Pokewire answers an append at once and then writes what has gathered to each subscriber ' +
  'in one system call. The others make one system call for each poke and subscriber.';
const batches =
  'One write carries many pokes: what comes in during one turn of the event loop goes to each subscriber in one system call. ' +
  'Of the others only “batched” does that too, without HTTP, cursors, catch-up or a store.';

const count = (number: number | string | undefined, one: string) =>
  `${Number(number).toLocaleString('en')} ${one}${Number(number) === 1 ? '' : 's'}`;
const publishers: GroupOf = (setting) => count(setting.publishers, 'publisher');
const ofPublishers =
  (publishers: number): GroupOf =>
  (setting) =>
    setting.publishers === publishers ? count(setting.subscribers, 'subscriber') : undefined;
const rates: GroupOf = ({ subscribers, perSecond }) =>
  subscribers === 1_000 ? `${count(perSecond, 'message')} a second` : undefined;

const charts: readonly Chart[] = [
  {
    ...deliveries,
    scenario: 'fan-out',
    name: 'fan-out',
    title: '1 publisher, 1,000 subscribers',
    metric: 'deliveriesPerSecond',
    note: oneWriteEach,
  },
  {
    ...cpu,
    scenario: 'fan-out',
    name: 'fan-out-cpu',
    title: '1 publisher, 1,000 subscribers: CPU time',
    metric: 'cpuUsPerDelivery',
    note: oneWriteEach,
  },
  {
    ...deliveries,
    scenario: 'concurrent-publishers',
    name: 'concurrent-publishers',
    title: '64 publishers, 1,000 subscribers',
    metric: 'deliveriesPerSecond',
    note: batches,
  },
  {
    ...deliveries,
    scenario: 'subscribers',
    name: 'throughput-1',
    title: '1 publisher, by number of subscribers',
    metric: 'deliveriesPerSecond',
    groupOf: ofPublishers(1),
  },
  {
    ...deliveries,
    scenario: 'subscribers',
    name: 'throughput-64',
    title: '64 publishers, by number of subscribers',
    metric: 'deliveriesPerSecond',
    groupOf: ofPublishers(64),
  },
  {
    ...delay('Median time from append to delivery'),
    scenario: 'latency',
    name: 'latency-p50',
    title: 'Latency at 1,000 subscribers: median',
    metric: 'p50Ms',
    groupOf: rates,
  },
  {
    ...delay('99th percentile of the time from append to delivery'),
    scenario: 'latency',
    name: 'latency-p99',
    title: 'Latency at 1,000 subscribers: 99th percentile',
    metric: 'p99Ms',
    groupOf: rates,
  },
  {
    ...cost('Resident memory per connection', (kib) => `${short(kib)} KiB`),
    scenario: 'idle-memory',
    name: 'memory',
    title: '10,000 idle subscribers: memory',
    metric: 'kibEachAt10000',
  },
  {
    ...cpu,
    scenario: 'pooling',
    name: 'pooling-cpu',
    title: 'With and without pools: CPU time',
    metric: 'cpuUsPerDelivery',
    groupOf: publishers,
  },
  {
    ...cost('Memory allocated per delivery', (bytes) => `${short(bytes)} B`),
    scenario: 'pooling',
    name: 'pooling-allocation',
    title: 'With and without pools: allocation',
    metric: 'allocatedBytesPerDelivery',
    groupOf: publishers,
  },
  {
    ...appends,
    scenario: 'durable-append',
    name: 'durable-append',
    title: 'Single appends over 64 connections',
    metric: 'appendsPerSecond',
  },
  {
    ...rate('Messages per second'),
    scenario: 'durable-append',
    name: 'durable-arrays',
    title: 'Appends of 100 messages',
    metric: 'arrayMessagesPerSecond',
  },
  {
    ...delay('Median time from append to delivery'),
    scenario: 'durable-delivery',
    name: 'durable-alone',
    title: '1 subscriber, 100 appends a second: latency',
    metric: 'aloneP50Ms',
  },
  {
    ...deliveries,
    scenario: 'durable-delivery',
    name: 'durable-delivery',
    title: '64 publishers, 1,000 subscribers, by store',
    metric: 'deliveriesPerSecond',
  },
  {
    ...rate('Pokes per second'),
    scenario: 'durable-catch-up',
    name: 'durable-catch-up',
    title: '1 subscriber catches up with 1,000,000 messages',
    metric: 'pokesPerSecond',
  },
  {
    ...appends,
    scenario: 'postgres-append',
    name: 'postgres-append',
    title: 'Single appends to one category of PostgreSQL, 64 in flight',
    metric: 'appendsPerSecond',
  },
  {
    ...delay('Median time from append to delivery'),
    scenario: 'postgres-delivery',
    name: 'postgres-delivery',
    title: 'Latency over PostgreSQL',
    metric: 'p50Ms',
  },
  {
    ...deliveries,
    scenario: 'postgres-nodes',
    name: 'postgres-nodes',
    title: 'Nodes over PostgreSQL, each with a quarter of a core',
    metric: 'deliveriesPerSecond',
  },
  {
    ...appends,
    scenario: 'nats-append',
    name: 'nats-append',
    title: 'Single appends to JetStream, 64 in flight',
    metric: 'appendsPerSecond',
  },
  {
    ...delay('Median time from append to delivery'),
    scenario: 'nats-delivery',
    name: 'nats-alone',
    title: 'Latency over JetStream',
    metric: 'p50Ms',
  },
  {
    ...deliveries,
    scenario: 'nats-delivery',
    name: 'nats-delivery',
    title: '64 publishers, 1,000 subscribers, over JetStream',
    metric: 'deliveriesPerSecond',
  },
  {
    ...rate('Pokes per second'),
    scenario: 'nats-catch-up',
    name: 'nats-catch-up',
    title: 'Catch-up with 1,000,000 messages of JetStream',
    metric: 'pokesPerSecond',
  },
];

/** Charts of these results. Those without data are omitted. */
export function drawCharts(results: ReadonlyMap<string, Found>) {
  return charts.flatMap((chart) => {
    const found = results.get(chart.scenario);
    if (found === undefined) return [];
    const groups = groupsOf(chart, found.result.series);
    if (groups.length === 0) return [];
    const { scenario, name, title } = chart;
    return [{ scenario, name, title, svg: barChart({ ...chart, groups, source: placeOf(found.report) }) }];
  });
}

function groupsOf({ metric, groupOf = () => '' }: Chart, series: readonly Series[]): BarChart['groups'] {
  const groups = new Map<string, BarChart['groups'][number]['bars'][number][]>();
  for (const { target, setting = {}, median } of series) {
    const [value, group] = [median[metric], groupOf(setting)];
    // JSON has no NaN, so missing values are null.
    if (!Number.isFinite(value) || group === undefined) continue;
    const { label, colour, isOurs } = shownAs(target);
    groups.set(group, [...(groups.get(group) ?? []), { label, colour, isBold: isOurs, value: value! }]);
  }
  return [...groups].map(([name, bars]) => (name === '' ? { bars } : { name, bars }));
}
