import { expect, test } from 'vitest';
import { Quota } from '../../src/admission/quota.ts';

const take = (quota: Quota, holder: string, count: number) =>
  Array.from({ length: count }, () => quota.take(holder)).filter((reached) => reached === undefined).length;

test('Holders of many units leave the last quarter to holders of few.', () => {
  const quota = new Quota(256, 128);
  expect(take(quota, 'many-1', 200)).toBe(128);
  expect(take(quota, 'many-2', 200)).toBe(64);
  expect(take(quota, 'few', 200)).toBe(4);
  expect([quota.take('many-1'), quota.take('many-2'), quota.take('few')]).toEqual(['holder', 'kept', 'kept']);
  // Enough were released that the last quarter is free again.
  for (let count = 0; count < 5; count++) quota.release('many-1');
  expect([quota.take('many-2'), quota.take('many-2')]).toEqual([undefined, 'kept']);
});

test('Of a small limit the last quarter goes to holders of none.', () => {
  const quota = new Quota(32, 8);
  for (const holder of ['many-1', 'many-2', 'many-3', 'many-4']) take(quota, holder, 20);
  expect(quota.taken).toBe(25);
  expect(quota.take('many-4')).toBe('kept');
  const others = Array.from({ length: 10 }, (_, number) => quota.take(`other-${number}`));
  expect(others).toEqual([...new Array(7).fill(undefined), 'all', 'all', 'all']);
});

test('The limit is never exceeded, however many holders there are.', () => {
  const quota = new Quota(256, 128);
  const taken = Array.from({ length: 300 }, (_, number) => take(quota, `holder-${number}`, 10));
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(256);
  expect(quota.taken).toBe(256);
  quota.release('holder-0');
  expect(take(quota, 'another', 10)).toBe(1);
});

test.each([0, 256, 1_000])('One holder may take everything if its own limit of %i permits that.', (maxPerHolder) => {
  expect(take(new Quota(256, maxPerHolder), 'one', 300)).toBe(256);
});
