import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WriteBursts } from '../../src/store/nats/write-bursts.ts';

describe('Writes to NATS', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Writes that end when the test calls `answer`, and those already started. */
  function startWriter() {
    const bursts = new WriteBursts();
    const answers = new Map<string, () => void>();
    const begun: string[] = [];
    const write = (name: string) =>
      bursts.run(() => {
        begun.push(name);
        return new Promise<string>((resolve) => answers.set(name, () => resolve(name)));
      });
    const answer = async (name: string) => {
      answers.get(name)!();
      await vi.advanceTimersByTimeAsync(0);
    };
    return { begun, write, answer };
  }

  test('are sent at once while none is running.', async () => {
    const { begun, write, answer } = startWriter();
    const first = write('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toEqual(['a']);
    await answer('a');
    expect(await first).toBe('a');
  });

  test('are sent together if they are made in one turn of the event loop.', async () => {
    const { begun, write } = startWriter();
    for (const name of ['a', 'b', 'c']) void write(name);
    expect(begun).toEqual([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  test('wait for each other while more are running, and then are sent together.', async () => {
    const { begun, write, answer } = startWriter();
    for (const name of ['a', 'b', 'c', 'd']) void write(name);
    await vi.advanceTimersByTimeAsync(0);
    for (const name of ['e', 'f', 'g']) void write(name);
    await vi.advanceTimersByTimeAsync(0);
    expect(begun.join('')).toBe('abcd');
    await answer('a');
    expect(begun.join('')).toBe('abcdefg');
  });

  test('are sent if an earlier one is not answered for a while.', async () => {
    const { begun, write } = startWriter();
    for (const name of ['a', 'b']) void write(name);
    await vi.advanceTimersByTimeAsync(0);
    void write('c');
    await vi.advanceTimersByTimeAsync(4);
    expect(begun).toEqual(['a', 'b']);
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  test('no longer count as running after they fail.', async () => {
    const bursts = new WriteBursts();
    const refused = expect(bursts.run(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    await vi.advanceTimersByTimeAsync(0);
    await refused;
    const stored = bursts.run(async () => 'stored');
    await vi.advanceTimersByTimeAsync(0);
    expect(await stored).toBe('stored');
  });
});
