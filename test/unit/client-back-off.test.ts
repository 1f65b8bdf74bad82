import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pause } from '../../src/client/back-off.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('A pause that has ended leaves no listener, whether its time was over or a signal ended it.', async () => {
  const combined = vi.spyOn(AbortSignal, 'any');
  const closing = new AbortController();
  const waking = new AbortController();
  const late = pause(1_000, closing.signal);
  const woken = pause(60_000, closing.signal, waking.signal);
  waking.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all([late, woken]);
  const signals = combined.mock.results.map(({ value }) => value as AbortSignal);
  expect(signals.map((signal) => getEventListeners(signal, 'abort').length)).toEqual([0, 0]);
  expect(vi.getTimerCount()).toBe(0);
});

test('A pause whose signal was aborted before takes no time.', async () => {
  await pause(60_000, AbortSignal.abort());
  expect(vi.getTimerCount()).toBe(0);
});
