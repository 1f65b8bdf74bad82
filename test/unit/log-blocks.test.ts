import { readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type FileWriter, LogBlocks } from '../../src/telemetry/log-blocks.ts';

type Answer = { readonly code: string } | { readonly takes: number };

/** A file whose writes are answered by the test, one after another. */
class FakeFile implements FileWriter {
  text = '';
  writes = 0;
  readonly answers: Answer[] = [];
  #pending: (() => void) | undefined;

  write(_fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void {
    expect(this.#pending, 'one write at a time').toBeUndefined();
    this.#pending = () => {
      try {
        done(null, this.#take(bytes));
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0);
      }
    };
  }

  writeSync(_fd: number, bytes: NodeJS.ArrayBufferView | string, at?: unknown): number {
    return this.#take((bytes as Buffer).subarray(Number(at)));
  }

  /** Answers the pending write. */
  answer(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
  }

  get isWriting(): boolean {
    return this.#pending !== undefined;
  }

  #take(bytes: Buffer): number {
    this.writes++;
    const answer = this.answers.shift() ?? { takes: bytes.length };
    if ('code' in answer) throw Object.assign(new Error(answer.code), { code: answer.code });
    this.text += bytes.subarray(0, answer.takes).toString();
    return Math.min(answer.takes, bytes.length);
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('Lines are written together, 100 ms after the first of them.', () => {
  const file = new FakeFile();
  const lines = new LogBlocks(1, file);
  lines.write('one\n');
  vi.advanceTimersByTime(99);
  lines.write('two\n');
  expect(file.isWriting).toBe(false);
  vi.advanceTimersByTime(1);
  file.answer();
  expect(file).toMatchObject({ text: 'one\ntwo\n', writes: 1 });
});

test('A full block is written at once, and later lines after it.', () => {
  const file = new FakeFile();
  const lines = new LogBlocks(1, file);
  const long = `${'x'.repeat(40_000)}\n`;
  lines.write(long);
  expect(file.isWriting).toBe(true);
  lines.write(long);
  file.answer();
  expect(file.text).toBe(long);
  file.answer();
  expect(file.text).toBe(long + long);
});

test('Bytes that a file did not accept are written again.', () => {
  const file = new FakeFile();
  file.answers.push({ takes: 3 });
  const lines = new LogBlocks(1, file);
  lines.write('abcdef\n');
  lines.flush();
  file.answer();
  file.answer();
  expect(file.text).toBe('abcdef\n');
});

test('Writing to a full pipe is retried after a while.', () => {
  const file = new FakeFile();
  file.answers.push({ code: 'EAGAIN' });
  const lines = new LogBlocks(1, file);
  lines.write('one\n');
  lines.flush();
  file.answer();
  expect(file.isWriting).toBe(false);
  vi.advanceTimersByTime(5);
  file.answer();
  expect(file.text).toBe('one\n');
});

test('A flush is complete when everything before it is written.', () => {
  const file = new FakeFile();
  const lines = new LogBlocks(1, file);
  const done = vi.fn();
  lines.write('one\n');
  lines.flush();
  lines.write('two\n');
  lines.flush(done);
  file.answer();
  expect(done).not.toHaveBeenCalled();
  file.answer();
  expect(done).toHaveBeenCalledOnce();
  lines.flush(done);
  expect(done).toHaveBeenCalledTimes(2);
});

test('An output that refuses a write ends a flush, is retried each second, and finally receives everything.', () => {
  const file = new FakeFile();
  file.answers.push({ code: 'ENOSPC' }, { code: 'EPIPE' });
  const lines = new LogBlocks(1, file);
  const done = vi.fn();
  lines.write('one\n');
  lines.flush(done);
  file.answer();
  expect(done).toHaveBeenCalledOnce();
  lines.write('two\n');
  lines.flush(done);
  expect([file.isWriting, done.mock.calls.length]).toEqual([false, 2]);
  vi.advanceTimersByTime(1_000);
  file.answer();
  vi.advanceTimersByTime(999);
  expect(file.isWriting).toBe(false);
  vi.advanceTimersByTime(1);
  file.answer();
  file.answer();
  expect([file.text, lines.dropped]).toEqual(['one\ntwo\n', { lines: 0, bytes: 0 }]);
});

test('An output that refuses every write does not delay the end of the process.', () => {
  const file = new FakeFile();
  file.answers.push({ code: 'ENOSPC' }, { code: 'ENOSPC' });
  const lines = new LogBlocks(1, file);
  lines.write('one\n');
  lines.flush();
  file.answer();
  lines.write('two\n');
  lines.flushSync();
  expect(file).toMatchObject({ text: '', writes: 2 });
});

test('Writing to a pipe that nobody reads is retried with growing delays, at least every 250 ms.', () => {
  const file = new FakeFile();
  file.answers.push(...new Array(12).fill({ code: 'EAGAIN' }));
  const lines = new LogBlocks(1, file);
  lines.write('one\n');
  lines.flush();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    file.answer();
    let ms = 0;
    for (; !file.isWriting; ms++) vi.advanceTimersByTime(1);
    waits.push(ms);
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 250, 250]);
});

test('A line is written in its format, including the one that reports a loss.', () => {
  const file = new FakeFile();
  const lines = new LogBlocks(1, file, (line) => `<${line.trim()}>\n`);
  lines.write('one\n');
  lines.flush();
  file.answer();
  expect(file.text).toBe('<one>\n');
});

test('At the end of the process everything is written at once, after the running write.', () => {
  const file = new FakeFile();
  const lines = new LogBlocks(1, file);
  lines.write('one\n');
  lines.flush();
  lines.write('two\n');
  lines.flush();
  lines.write('three\n');
  file.answers.push({ code: 'EAGAIN' }, { takes: 2 });
  lines.flushSync();
  expect(file.text).toBe('two\nthree\n');
});

test('For a hanging reader a bounded number of bytes is kept, and the log reports how many lines are missing.', () => {
  vi.setSystemTime(1_000);
  const file = new FakeFile();
  const lines = new LogBlocks(1, file);
  const line = `${'x'.repeat(999)}\n`;
  // 32 MB, half of which may wait.
  for (let n = 0; n < 32_000; n++) lines.write(line);
  lines.flush();
  while (file.isWriting) file.answer();
  const text = file.text;
  const kept = text.lastIndexOf('x\n') + 2;
  expect(kept / line.length).toBeGreaterThan(16_000);
  expect(kept / line.length).toBeLessThan(17_000);
  const lost = 32_000 - kept / line.length;
  // At the place where they are missing, although no line follows.
  expect(text.slice(kept)).toBe(
    `{"level":50,"time":1000,"lines":${lost},"msg":"log output blocked; ${lost} lines dropped"}\n`,
  );
  expect(lines.dropped).toEqual({ lines: lost, bytes: lost * line.length });
  file.text = '';
  lines.write('one\n');
  lines.flush();
  file.answer();
  expect([file.text, file.isWriting]).toEqual(['one\n', false]);
});

test('A hanging reader delays a flush, and the end of the process, by at most a second.', () => {
  const file = new FakeFile();
  const lines = new LogBlocks(1, file);
  const done = vi.fn();
  file.answers.push(...new Array(10_000).fill({ code: 'EAGAIN' }));
  lines.write('one\n');
  lines.flush(done);
  for (let ms = 0; ms < 999; ms++) {
    file.answer();
    vi.advanceTimersByTime(1);
  }
  expect(done).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(done).toHaveBeenCalledOnce();
  for (let block = 0; block < 5; block++) {
    lines.write('more\n');
    lines.flush();
  }
  const writes = file.writes;
  lines.flushSync();
  // The limit for all blocks together: 200 times 5 ms.
  expect(file.writes - writes).toBe(200);
  expect(file.text).toBe('');
});

test('A real file contains every line in order.', async () => {
  vi.useRealTimers();
  const path = join(tmpdir(), `pokewire-log-${process.pid}`);
  const expected = Array.from({ length: 5_000 }, (_, line) => `line ${line} ü\n`).join('');
  await using file = await open(path, 'w');
  const lines = new LogBlocks(file.fd);
  for (const line of expected.match(/.*\n/g)!) lines.write(line);
  await new Promise<void>((resolve) => lines.flush(resolve));
  expect(readFileSync(path, 'utf8')).toBe(expected);
  rmSync(path);
});
