import { expect, test } from 'vitest';
import {
  acknowledge,
  newPartition,
  open,
  type PartitionRecord,
  passedUpTo,
  succeed,
} from '../../src/groups/partition-record.ts';
import { StreamName } from '../../src/message/stream-name.ts';

const streams = Array.from({ length: 40 }, (_value, n) => `account-${n}`);

/** The partitions after a resize; each starts at the checkpoints of the partitions that had its streams. */
function resized(records: readonly PartitionRecord[], size: number): PartitionRecord[] {
  const predecessors = records.map((record, partition) => ({ partition, record }));
  return Array.from({ length: size }, (_value, partition) =>
    succeed(records.length, predecessors, (stream) => new StreamName(stream).owner(size) === partition),
  );
}

test('Resizes in quick succession leave one floor per former partition, and keep settled messages settled.', () => {
  let records = Array.from({ length: 4 }, () => newPartition(0));
  const settled = new Map(streams.map((stream) => [stream, 0]));
  for (let round = 1; round <= 30; round++) {
    // One partition never advances, like one with a slow worker.
    for (const [partition, record] of records.entries()) {
      if (partition === 0) continue;
      records[partition] = acknowledge(open(record, round)!, round, 10 * round + partition, 0)!;
      for (const stream of streams)
        if (new StreamName(stream).owner(records.length) === partition) settled.set(stream, 10 * round + partition);
    }
    records = resized(records, [4, 6, 3, 8][round % 4]!);
    for (const { floors, checkpoint } of records) {
      expect(floors.length).toBeLessThanOrEqual(4 + 6 + 3 + 8);
      expect(checkpoint).toBe(0);
    }
    for (const stream of streams) {
      const own = records[new StreamName(stream).owner(records.length)]!;
      expect(passedUpTo(own, stream)).toBeGreaterThanOrEqual(settled.get(stream)!);
    }
  }
});
