import type { Metrics } from '../telemetry/metrics.ts';
import type { AppendStats } from './append-stats.ts';
import { type OverloadWatch, overloadReasons } from './overload.ts';
import type { Readiness } from './readiness.ts';
import { type ReadRefusal, type Reads, readRefusals } from './reads.ts';

/** Why a subscription is refused: a configured limit was reached, or the server was overloaded. */
export const refusalReasons = ['no-place', 'overloaded'] as const;

/** One of {@link refusalReasons}. */
export type RefusalReason = (typeof refusalReasons)[number];

export type AdmissionParts = {
  readonly appends: AppendStats;
  readonly overload: OverloadWatch;
  readonly readiness: Readiness;
  readonly maxSubscriptions: number;
};

/** Registers metrics of current reads; returns the function that counts refused ones. */
export function measureReads(metrics: Metrics, reads: Reads): (reason: ReadRefusal) => void {
  metrics.gauge('pokewire_reads', 'Concurrent reads, whose answers have not been received yet.', () => reads.underWay);
  return metrics.events(
    'pokewire_reads_refused_total',
    'Reads refused, by reason: a limit was reached, or memory was short.',
    'reason',
    readRefusals,
  );
}

/** Registers metrics of limits, overload, readiness and the store's sizes; returns the function that counts refused subscriptions. */
export function measureAdmission(metrics: Metrics, parts: AdmissionParts): (reason: RefusalReason) => void {
  const { appends, overload, readiness, maxSubscriptions } = parts;
  metrics.gauge('pokewire_subscriptions_max', 'Maximum number of open subscriptions.', () => maxSubscriptions);
  metrics.counter('pokewire_messages_appended_total', 'Messages appended by this process.', () => appends.messages);
  metrics.counters('pokewire_appends_total', 'Appends by outcome.', ['outcome'], () =>
    Object.entries(appends.outcomes).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  metrics.gauge('pokewire_ready', '1 when /ready answers 200, else 0.', () =>
    readiness.check().then(
      () => 1,
      () => 0,
    ),
  );
  metrics.gauge(
    'pokewire_memory_used_ratio',
    'Share of memory in use, of the heap or of the memory available to the process.',
    () => overload.memoryRatio,
  );
  metrics.gauges(
    'pokewire_overloaded',
    '1 while the server is short of this resource and refuses new work, else 0.',
    ['reason'],
    () => overloadReasons.map((reason) => ({ labels: { reason }, value: Number(overload.reasons.includes(reason)) })),
  );
  // All gauges of one scrape share one answer of the store.
  let asked: ReturnType<Readiness['storeUsage']> | undefined;
  const usage = () => {
    asked ??= readiness.storeUsage().finally(() => {
      asked = undefined;
    });
    return asked;
  };
  metrics.gauge('pokewire_store_messages', 'Messages in the store.', async () => (await usage())?.messages);
  metrics.gauge('pokewire_store_streams', 'Streams in the store.', async () => (await usage())?.streams);
  metrics.gauge('pokewire_store_bytes', 'Bytes counted against the limit.', async () => (await usage())?.bytes);
  metrics.gauge('pokewire_store_max_bytes', 'Byte limit of the store. 0: none.', async () => (await usage())?.maxBytes);
  metrics.gauge(
    'pokewire_store_oldest_message_age_seconds',
    'Age of the oldest message of all namespaces; none while there is no message.',
    async () => {
      const oldestMs = (await usage())?.oldestMs;
      return oldestMs === undefined ? undefined : Math.max(0, Date.now() - oldestMs) / 1_000;
    },
  );
  metrics.counter(
    'pokewire_messages_forgotten_total',
    'Messages deleted by retention since this process opened the store.',
    async () => (await usage())?.forgotten.messages,
  );
  metrics.counter(
    'pokewire_bytes_forgotten_total',
    'Bytes deleted by retention since this process opened the store, as the store counts them.',
    async () => (await usage())?.forgotten.bytes,
  );
  metrics.gauge('pokewire_store_full', '1 while the store has no room for appends, else 0.', async () =>
    Number((await readiness.storeState()) === 'full'),
  );
  return metrics.events(
    'pokewire_subscriptions_refused_total',
    'Subscriptions refused, by reason: a limit was reached, or the server was overloaded.',
    'reason',
    refusalReasons,
  );
}
