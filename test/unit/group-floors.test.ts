import { expect, test } from 'vitest';
import { hold } from '../../src/groups/held-streams.ts';
import {
  acknowledge,
  maxFloors,
  maxHeldStreams,
  newPartition,
  open,
  type PartitionRecord,
  passedUpTo,
  succeed,
} from '../../src/groups/partition-record.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { maxGroupRecordBytes } from '../../src/store/group-store.ts';

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

test('A record can hold the maximum of held streams and floors, however long names and errors are, even after a resize merges them.', () => {
  const size = 10;
  const failure = (n: number) => ({
    stream: `account-${n}-${'é"'.repeat(20)}`,
    position: Number.MAX_SAFE_INTEGER - 1,
    globalPosition: 1,
    error: '\u001b'.repeat(500),
    retryAtMs: undefined,
  });
  const records = Array.from({ length: size }, (_value, partition) => {
    let record = open(newPartition(0), 1)!;
    for (let n = 0; n < maxHeldStreams; n++) {
      const held = hold(record, 1, failure(partition * maxHeldStreams + n));
      if (typeof held !== 'object') throw new Error('it cannot be held');
      record = held;
    }
    return record;
  });
  const floors = Array.from({ length: maxFloors }, (_value, partition) => ({
    size: 1_024,
    partition,
    upTo: Number.MAX_SAFE_INTEGER,
  }));
  const [merged] = resized(records, 1);
  const largest = { ...merged!, floors };
  expect(merged!.held).toHaveLength(size * maxHeldStreams);
  for (const record of [...records, largest]) {
    expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThanOrEqual(maxGroupRecordBytes);
  }
});
