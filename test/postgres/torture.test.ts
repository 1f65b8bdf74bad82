import { describe, expect, test } from 'vitest';
import { torture } from './nodes/torture.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

describe.skipIf(!hasPostgres)('Beside writers whose transactions stay open, end late and are rolled back', () => {
  test('subscribers of every kind on three nodes receive the log in order, each message once.', async () => {
    await using cluster = await PostgresCluster.start({ settings: ['deadlock_timeout=100ms'] });
    const seed = Date.now() % 2 ** 31;
    const { problems, counts } = await torture({ cluster, durationMs: 4_000, seed });
    expect(problems, `seed ${seed}`).toEqual([]);
    expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
  });
});
