import { expect, test } from 'vitest';
import { ReadAheads, readAhead } from '../../src/store/nats/read-aheads.ts';

test('Eight long reads at a time request many messages in advance, and further ones few.', () => {
  const aheads = new ReadAheads();
  const { large, small } = readAhead;
  expect(Array.from({ length: 10 }, () => aheads.take())).toEqual([...Array(8).fill(large), small, small]);
  aheads.release(small);
  expect(aheads.take()).toBe(small);
  aheads.release(large);
  expect(aheads.take()).toBe(large);
});
