import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { BackOff, readRetryDelays } from '../../src/hub/back-off.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Whether the wait has ended. */
async function isOver(wait: Promise<void>): Promise<boolean> {
  let over = false;
  void wait.then(() => {
    over = true;
  });
  await turn();
  return over;
}

test('Reads that fail at the same time wait together, and count as one failure.', async () => {
  const backOff = new BackOff(readRetryDelays);
  const waits = Array.from({ length: 20 }, () => backOff.wait());
  expect([new Set(waits).size, backOff.isFailing]).toEqual([1, false]);
  vi.advanceTimersByTime(100);
  expect(await isOver(waits[0]!)).toBe(true);
});

test('Each wait is half to all of twice the previous one, and never longer than 5 seconds.', async () => {
  const backOff = new BackOff(readRetryDelays);
  for (const longestMs of [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
    const wait = backOff.wait();
    vi.advanceTimersByTime(longestMs / 2 - 1);
    const early = await isOver(wait);
    vi.advanceTimersByTime(longestMs / 2 + 1);
    expect([early, await isOver(wait)]).toEqual([false, true]);
  }
});

test('After an outage all waiting callers continue at once, and the next wait is short again.', async () => {
  const backOff = new BackOff(readRetryDelays);
  for (let failures = 0; failures < 6; failures++) {
    void backOff.wait();
    vi.advanceTimersByTime(5_000);
  }
  const wait = backOff.wait();
  backOff.succeeded();
  expect([await isOver(wait), backOff.isFailing]).toEqual([true, false]);
  const next = backOff.wait();
  vi.advanceTimersByTime(100);
  expect(await isOver(next)).toBe(true);
});

test('A read that fails while others succeed still waits, or it would be repeated as often as they succeed.', async () => {
  const backOff = new BackOff(readRetryDelays);
  const wait = backOff.wait();
  backOff.succeeded();
  expect([await isOver(wait), backOff.isFailing]).toEqual([false, false]);
});

test('No caller waits after a stop.', async () => {
  const backOff = new BackOff(readRetryDelays);
  const wait = backOff.wait();
  backOff.stop();
  expect(await isOver(wait)).toBe(true);
});
