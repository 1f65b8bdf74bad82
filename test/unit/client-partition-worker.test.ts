import { afterEach, expect, test, vi } from 'vitest';
import { pause } from '../../src/client/back-off.ts';
import { PartitionWorker } from '../../src/client/groups/partition-worker.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('A partition is read at least every 30 seconds while the log grows, even if leases arrive and pokes do not.', async () => {
  vi.useFakeTimers();
  let head = 1;
  const reads: number[] = [];
  const source = {
    pause,
    read: async (_transport: unknown, { position }: { position: number }) => {
      reads.push(position);
      return [];
    },
  };
  const rest = {
    epoch: 'e-1',
    category: 'account',
    session: 's-1',
    options: {},
    hasRoom: () => true,
    settled: () => {},
  };
  const host = { ...rest, source, head: () => head, mayStart: () => true };
  const given = { partition: 0, layout: 0, size: 1, generation: 1, position: 0, floors: [], held: [] };
  const worker = new PartitionWorker(given, host as unknown as ConstructorParameters<typeof PartitionWorker>[1]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(reads).toEqual([1]);
  head = 5;
  for (let leases = 0; leases < 7; leases++) {
    await vi.advanceTimersByTimeAsync(5_000);
    worker.resume();
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(reads).toEqual([1, 2]);
  await worker.finish();
});
