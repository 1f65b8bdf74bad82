import { expect, test } from 'vitest';
import { SharedRead } from '../../src/store/postgres/shared-read.ts';

/** Reads that end when the test says so. */
function heldReads() {
  const reads: PromiseWithResolvers<string>[] = [];
  const shared = new SharedRead(() => {
    reads.push(Promise.withResolvers<string>());
    return reads.at(-1)!.promise;
  });
  return { reads, shared };
}

test('Calls made during a read share the next one, which begins after them.', async () => {
  const { reads, shared } = heldReads();
  const first = shared.run();
  const later = [shared.run(), shared.run()];
  expect(reads.length).toBe(1);
  reads[0]!.resolve('old');
  expect(await first).toBe('old');
  await expect.poll(() => reads.length).toBe(2);
  reads[1]!.resolve('new');
  expect(await Promise.all(later)).toEqual(['new', 'new']);
  expect(reads.length).toBe(2);
});

test('A failed shared read rejects for its own callers only.', async () => {
  const { reads, shared } = heldReads();
  const failing = shared.run();
  const next = shared.run();
  reads[0]!.reject(new Error('away'));
  await expect(failing).rejects.toThrow('away');
  await expect.poll(() => reads.length).toBe(2);
  reads[1]!.resolve('back');
  expect(await next).toBe('back');
});
