import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FanOutGroup } from '../../src/hub/fan-out-group.ts';
import { type BatchedLog, FrameBatch } from '../../src/hub/frame-batch.ts';
import { GroupIndex } from '../../src/hub/group-index.ts';
import { BufferPool } from '../../src/pool/buffer-pool.ts';
import { PlainFrameEncoder } from '../../src/sse/frame.ts';
import { everything, pokeOf } from '../support/fake-messages.ts';

/** Duration of a flush, and of an idle turn of the event loop. */
const flushMs = 8;
const turnMs = 0.05;

/** An event loop with its own clock in milliseconds. */
class Turns {
  nowMs = 1_000;
  readonly #tasks: { readonly atMs: number; readonly run: () => void }[] = [];

  at(atMs: number, run: () => void): void {
    this.#tasks.push({ atMs, run });
    this.#tasks.sort((one, other) => one.atMs - other.atMs);
  }

  after(ms: number, run: () => void): void {
    this.at(this.nowMs + ms, run);
  }

  runAll(): void {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      this.nowMs = Math.max(this.nowMs, task.atMs);
      task.run();
    }
  }
}

let turns: Turns;
let batch: FrameBatch;
let log: BatchedLog;
/** Start time and number of pokes of each flush. */
let flushes: { readonly atMs: number; readonly pokes: number }[];
let head: number;

beforeEach(() => {
  turns = new Turns();
  vi.spyOn(performance, 'now').mockImplementation(() => turns.nowMs);
  vi.stubGlobal('setImmediate', (run: () => void) => turns.after(turnMs, run));
  vi.stubGlobal('setTimeout', (run: () => void, ms: number) => turns.after(ms, run));
  vi.stubGlobal('queueMicrotask', (run: () => void) => turns.after(0, run));
  flushes = [];
  head = 0;
  const group = new FanOutGroup(everything);
  group.join({
    place: -1,
    deliver(_frames, pokes) {
      flushes.push({ atMs: turns.nowMs, pokes });
      turns.nowMs += flushMs;
    },
    tellHead() {},
  });
  const groups = new GroupIndex();
  groups.admit(group);
  log = { tag: 'tag', groups, hasPending: false, flushed: () => {} };
  batch = new FrameBatch({
    buffers: new BufferPool({ min: 1, max: 4 }),
    encoder: new PlainFrameEncoder(),
    delivered: () => {},
  });
  return () => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  };
});

/** A store announces this many pokes at once. */
function group(atMs: number, pokes: number): void {
  turns.at(atMs, () => {
    for (let count = 0; count < pokes; count++) batch.add(pokeOf('account-1', head, ++head), log);
  });
}

describe('a batch of frames', () => {
  test('waits for the next group of a durable store after many pokes, for at most twice the last flush', () => {
    group(1_000, 32);
    for (let atMs = 1_010; atMs < 1_060; atMs += 3) group(atMs, 32);
    turns.runAll();
    expect(flushes.map(({ pokes }) => pokes)).toEqual([32, 160, 256, 128]);
    const [, second, third] = flushes;
    expect(third!.atMs - (second!.atMs + flushMs)).toBeLessThanOrEqual(2 * flushMs);
  });

  test('flushes when no other group arrives within the duration of the last flush', () => {
    group(1_000, 32);
    group(1_009, 32);
    turns.runAll();
    expect(flushes.map(({ pokes }) => pokes)).toEqual([32, 32]);
    expect(flushes[1]!.atMs - 1_009).toBeCloseTo(flushMs, 0);
  });

  test('waits for a group that arrives as late as the flush delayed the writers', () => {
    group(1_000, 32);
    group(1_009, 32);
    group(1_009 + flushMs - 1, 32);
    turns.runAll();
    expect(flushes.map(({ pokes }) => pokes)).toEqual([32, 64]);
  });

  test('delays nothing for a publisher with a fixed rate', () => {
    for (let atMs = 1_000; atMs < 1_100; atMs += 10) group(atMs, 1);
    turns.runAll();
    expect(flushes).toHaveLength(10);
    for (const [index, { atMs }] of flushes.entries()) expect(atMs - (1_000 + index * 10)).toBeLessThan(0.3);
  });
});
