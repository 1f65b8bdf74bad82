import { describe, expect, test } from 'vitest';
import { type OverloadReason, OverloadWatch } from '../../src/admission/overload.ts';
import { PokewireError } from '../../src/errors.ts';

const limits = { maxEventLoopDelayMs: 100, maxMemoryPercent: 90 };
const second = 1_000;

/** Samples of invented readings at invented times, independent of the watch's own timer. */
class Samples {
  readonly watch: OverloadWatch;
  readonly changes: (readonly OverloadReason[])[] = [];
  #delayMs = 0;
  #memoryRatio = 0;
  #nowMs: number;

  constructor(options: Partial<typeof limits> = {}) {
    const meter = { takeEventLoopDelayMs: () => this.#delayMs, memoryRatio: () => this.#memoryRatio };
    this.watch = new OverloadWatch({ ...limits, ...options }, meter, (reasons) => this.changes.push(reasons));
    this.watch.stop();
    this.#nowMs = Math.ceil(performance.now());
  }

  /** This many milliseconds with the same reading, sampled every half second. */
  delay(delayMs: number, forMs: number): readonly OverloadReason[] {
    this.#delayMs = delayMs;
    return this.#sampleFor(forMs, 500);
  }

  memory(ratio: number, forMs: number): readonly OverloadReason[] {
    this.#memoryRatio = ratio;
    return this.#sampleFor(forMs, 500);
  }

  /** A single sample, because the loop was blocked until then. */
  standStill(forMs: number): readonly OverloadReason[] {
    this.#delayMs = forMs;
    return this.#sampleFor(forMs, forMs);
  }

  #sampleFor(forMs: number, everyMs: number): readonly OverloadReason[] {
    for (let pastMs = 0; pastMs < forMs; pastMs += everyMs) {
      this.#nowMs += everyMs;
      this.watch.sample(this.#nowMs);
    }
    return this.watch.reasons;
  }
}

function codeOf(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error instanceof PokewireError ? [error.code, error.details] : error;
  }
  return undefined;
}

describe('an event loop', () => {
  test('that is never delayed for longer than the limit is not overload', () => {
    expect(new Samples().delay(100, 60 * second)).toEqual([]);
  });

  test('that is delayed once is not overload', () => {
    const samples = new Samples();
    samples.delay(400, 0.5 * second);
    expect(samples.delay(0, 60 * second)).toEqual([]);
    expect(samples.changes).toEqual([]);
  });

  test('that is delayed repeatedly for two seconds is overload', () => {
    const samples = new Samples();
    expect(samples.delay(101, 1.5 * second)).toEqual([]);
    expect(samples.delay(101, 0.5 * second)).toEqual(['event-loop']);
  });

  test('that is blocked for two seconds is overload at the first sample', () => {
    expect(new Samples().standStill(2 * second)).toEqual(['event-loop']);
  });

  test('has recovered when delays stayed below half the limit for five seconds', () => {
    const samples = new Samples();
    samples.delay(400, 10 * second);
    expect(samples.delay(49, 4.5 * second)).toEqual(['event-loop']);
    expect(samples.delay(49, 0.5 * second)).toEqual([]);
  });

  test('has not recovered while its delay stays between half the limit and the limit', () => {
    const samples = new Samples();
    samples.delay(400, 10 * second);
    expect(samples.delay(51, 60 * second)).toEqual(['event-loop']);
  });

  test('that oscillates around the limit is reported as overload once', () => {
    const samples = new Samples();
    samples.delay(400, 2 * second);
    for (let swing = 0; swing < 20; swing++) {
      samples.delay(10, 4 * second);
      samples.delay(400, 1 * second);
    }
    expect(samples.changes).toEqual([['event-loop']]);
  });

  test('without a limit may be delayed for any time', () => {
    expect(new Samples({ maxEventLoopDelayMs: 0 }).delay(10_000, 60 * second)).toEqual([]);
  });
});

describe('memory', () => {
  test('above its limit is an overload at once', () => {
    const samples = new Samples();
    expect(samples.memory(0.9, 10 * second)).toEqual([]);
    expect(samples.memory(0.91, 0.5 * second)).toEqual(['memory']);
    expect(samples.watch.memoryRatio).toBe(0.91);
  });

  test('suffices again after five seconds well below the limit', () => {
    const samples = new Samples();
    samples.memory(0.95, 1 * second);
    expect(samples.memory(0.88, 60 * second)).toEqual(['memory']);
    expect(samples.memory(0.85, 4.5 * second)).toEqual(['memory']);
    expect(samples.memory(0.85, 0.5 * second)).toEqual([]);
  });

  test('without a limit may be used completely', () => {
    expect(new Samples({ maxMemoryPercent: 0 }).memory(1, 60 * second)).toEqual([]);
  });
});

describe('an overload', () => {
  test('refuses subscriptions and gives the reason', () => {
    const samples = new Samples();
    expect(codeOf(() => samples.watch.refuseSubscription())).toBeUndefined();
    samples.memory(1, 1 * second);
    samples.delay(400, 2 * second);
    expect(codeOf(() => samples.watch.refuseSubscription())).toEqual([
      'OVERLOADED',
      { reasons: ['event-loop', 'memory'] },
    ]);
    expect(samples.watch.description).toBe(
      'The server is overloaded: its event loop is blocked, and it is short of memory.',
    );
  });

  test('refuses appends only if memory is short', () => {
    const samples = new Samples();
    samples.delay(400, 2 * second);
    expect(codeOf(() => samples.watch.refuseAppend())).toBeUndefined();
    samples.memory(1, 1 * second);
    expect(codeOf(() => samples.watch.refuseAppend())).toMatchObject(['OVERLOADED', {}]);
  });

  test('is reported when a reason is added and when one is removed', () => {
    const samples = new Samples();
    samples.memory(1, 1 * second);
    samples.delay(400, 2 * second);
    samples.memory(0, 5 * second);
    samples.delay(0, 5 * second);
    expect(samples.changes).toEqual([['memory'], ['event-loop', 'memory'], ['event-loop'], []]);
  });
});
