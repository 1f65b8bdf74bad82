import { expect, test } from 'vitest';
import { crash } from './crash.ts';

/** A short version of `npm run crash`, made of the same parts. */
test('Killed 20 times at any instant, a SQLite store keeps all acknowledged messages, and each subscriber receives its log once.', async () => {
  const seed = Date.now() % 2 ** 31;
  const report = await crash({ kills: 20, writers: 64, subscribers: 50, seed, say: () => {} });
  expect(report.problems, `seed ${seed}`).toEqual([]);
  expect(report.problemCount).toBe(0);
  expect(report.acknowledged).toBeGreaterThan(100);
  expect(report.connections).toBeGreaterThan(50);
});
