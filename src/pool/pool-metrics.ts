import type { Metrics } from '../telemetry/metrics.ts';
import type { PoolStats } from './pool-stats.ts';
import type { Pools } from './pools.ts';

/** Registers the metrics of the pools. */
export function measurePools<Pooled>(metrics: Metrics, { pokes, buffers }: Pools<Pooled>): void {
  const pools = function* (): Generator<{ pool: string; size: number; stats: PoolStats }> {
    yield { pool: 'pokes', size: pokes.size, stats: pokes.stats };
    for (const [bytes, { size, stats }] of buffers.classes) yield { pool: `buffers-${bytes}`, size, stats };
    yield { pool: 'buffers-oversized', size: 0, stats: buffers.oversizedStats };
  };
  const each = (read: (stats: PoolStats, size: number) => number) => () =>
    pools().map(({ pool, size, stats }) => ({ labels: { pool }, value: read(stats, size) }));
  metrics.counters(
    'pokewire_pool_acquires_total',
    'Objects acquired from a pool: hit, reused; miss, newly allocated.',
    ['pool', 'result'],
    () =>
      pools().flatMap(({ pool, stats }) => [
        { labels: { pool, result: 'hit' }, value: stats.reused },
        { labels: { pool, result: 'miss' }, value: stats.acquired - stats.reused },
      ]),
  );
  const ofPool = ['pool'];
  metrics.counters(
    'pokewire_pool_releases_total',
    'Objects released to a pool and kept.',
    ofPool,
    each((stats) => stats.released),
  );
  metrics.counters(
    'pokewire_pool_drops_total',
    'Objects released to a pool and dropped.',
    ofPool,
    each((stats) => stats.dropped),
  );
  metrics.counters(
    'pokewire_pool_resizes_total',
    'Times the pool grew or shrank.',
    ofPool,
    each((stats) => stats.resized),
  );
  metrics.gauges(
    'pokewire_pool_size',
    'Idle objects that the pool may keep now.',
    ofPool,
    each((_stats, size) => size),
  );
  metrics.gauges(
    'pokewire_pool_leased',
    'Objects in use, outside the pool.',
    ofPool,
    each((stats) => stats.leased),
  );
}
