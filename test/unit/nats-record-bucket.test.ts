import { describe, expect, test } from 'vitest';
import type { NatsLink } from '../../src/store/nats/nats-link.ts';
import { RecordBucket } from '../../src/store/nats/record-bucket.ts';

const noResponders = new Error('no responders');

/**
 * A bucket whose first writes fail with these errors; `writes` counts all. `storedAs`: the number under which the last
 * failed write was stored anyway.
 */
function bucketWith(errors: Error[], storedAs?: number) {
  const bucket = { writes: 0 };
  let attempt: unknown;
  const link = {
    write: async (_subject: string, _payload: string, headers: Record<string, unknown>) => {
      bucket.writes++;
      attempt = headers['Pw-Try'];
      const error = errors.shift();
      if (error !== undefined) throw error;
      return { seq: 1 };
    },
    publish: () => {},
    headers: () => ({}),
    hasNoResponders: (error: unknown) => error === noResponders,
    decodeHeaders: () => ({ get: () => attempt }),
    api: async () => {
      if (storedAs === undefined) throw new Error('nobody can be asked');
      return { message: { subject: '$KV.test.a', seq: storedAs, time: '' } };
    },
  };
  const options = { name: 'test', replicas: 3 };
  return Object.assign(bucket, { records: new RecordBucket(link as unknown as NatsLink, options) });
}

describe('A change of records', () => {
  const one = { key: 'a', revision: 0, value: 1 };

  test.each([[[one]], [[one, { ...one, key: 'b' }]]])(
    'is repeated while the bucket has no leader, which stores nothing.',
    async (changes) => {
      const bucket = bucketWith([noResponders, noResponders]);
      expect(await bucket.records.change(changes)).toBe(true);
      expect(bucket.writes).toBe(3);
    },
  );

  test('without an answer is not repeated, and rejects with its cause.', async () => {
    const cause = new Error('timeout');
    const bucket = bucketWith([cause]);
    await expect(bucket.records.change([one])).rejects.toMatchObject({ code: 'BACKEND_ERROR', cause });
    expect(bucket.writes).toBe(1);
  });

  test('without an answer resolves to its revision if it was stored.', async () => {
    const bucket = bucketWith([new Error('timeout')], 7);
    expect(await bucket.records.write([{ key: 'a', revision: 0, text: '1' }])).toBe(7);
    expect(bucket.writes).toBe(1);
  });
});
