import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';
import { setTimeout as nextTimer } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { expect, test, vi } from 'vitest';
import { type MemorySource, ProcessMeter, warnOfStore } from '../../src/admission/process-meter.ts';

const mebibyte = 1_048_576;

function measure(memory: { rss?: number; heapTotal?: number; heapUsed?: number; container?: number }): ProcessMeter {
  const { rss = 0, heapTotal = 0, heapUsed = 0, container = 0 } = memory;
  const source: MemorySource = {
    memoryUsage: () => ({ rss, heapTotal, heapUsed }),
    constrainedMemory: () => container,
  };
  const meter = new ProcessMeter(source);
  meter.stop();
  return meter;
}

test('Memory is measured relative to the limit of the container, or else to the machine.', () => {
  expect(measure({ container: 100 * mebibyte }).memoryBytes).toBe(100 * mebibyte);
  // Node's value without a limit.
  expect(measure({ container: 0 }).memoryBytes).toBe(totalmem());
  expect(measure({ container: 2 ** 64 }).memoryBytes).toBe(totalmem());
  expect(measure({ rss: 25 * mebibyte, container: 100 * mebibyte }).memoryRatio()).toBe(0.25);
});

test('Freed parts of the heap do not count as used.', () => {
  const memory = { rss: 80 * mebibyte, heapTotal: 60 * mebibyte, heapUsed: 10 * mebibyte, container: 100 * mebibyte };
  expect(measure(memory).memoryRatio()).toBe(0.3);
});

test('A heap near its own limit counts, however much memory the machine has.', () => {
  const heapUsed = 0.95 * getHeapStatistics().heap_size_limit;
  expect(measure({ rss: heapUsed, heapTotal: heapUsed, heapUsed }).memoryRatio()).toBeGreaterThan(0.95);
});

test('A growing heap is recognised as nearly full before V8 aborts.', () => {
  const meterUrl = new URL('../../src/admission/process-meter.ts', import.meta.url).href;
  const fill = `
    import { ProcessMeter } from ${JSON.stringify(meterUrl)};
    const meter = new ProcessMeter(process);
    const kept = [];
    while (meter.memoryRatio() <= 0.9) kept.push(new Array(100_000).fill(0.5));
    process.stdout.write('nearly full');
    process.exit();
  `;
  const flags = ['--max-old-space-size=100', '--input-type=module', '--eval', fill];
  const { status, stdout } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, 'nearly full']);
});

test('The delay of the event loop is the longest since the last call.', async () => {
  const meter = new ProcessMeter(process);
  try {
    const holdUp = async () => {
      const untilMs = performance.now() + 300;
      while (performance.now() < untilMs);
      // The measuring timer is due before this one, but is armed only once the loop turns.
      await nextTimer();
      return meter.takeEventLoopDelayMs();
    };
    await expect.poll(holdUp, { timeout: 20_000 }).toBeGreaterThan(200);
    meter.takeEventLoopDelayMs();
    expect(meter.takeEventLoopDelayMs()).toBe(0);
  } finally {
    meter.stop();
  }
});

test('If memory cannot be read because file descriptors have run out, the last known share is returned.', () => {
  let fails = false;
  const memoryUsage = () => {
    if (fails)
      throw Object.assign(new Error('EMFILE: too many open files, uv_resident_set_memory'), { code: 'EMFILE' });
    return { rss: 50 * mebibyte, heapTotal: 0, heapUsed: 0 };
  };
  const meter = new ProcessMeter({ memoryUsage, constrainedMemory: () => 100 * mebibyte });
  expect(meter.memoryRatio()).toBe(0.5);
  fails = true;
  expect(meter.memoryRatio()).toBe(0.5);
  meter.stop();
});

test.each([
  ['fits', 700, 0],
  ['does not fit beside the process', 800, 1],
])('A store whose limit %s in memory is warned of accordingly.', (_how, storeMebibytes, warnings) => {
  const warn = vi.fn();
  const limits = { storeMaxBytes: storeMebibytes * mebibyte, maxMemoryPercent: 90, maxEventLoopDelayMs: 0 };
  warnOfStore(limits, 1_100 * mebibyte, { warn });
  expect(warn).toHaveBeenCalledTimes(warnings);
});
