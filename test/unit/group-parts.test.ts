import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { AckRounds } from '../../src/client/groups/ack-rounds.ts';
import { parseGroupEvent } from '../../src/client/groups/group-events.ts';
import type { Ack } from '../../src/client/groups/group-requests.ts';
import { HandlerSlots } from '../../src/client/groups/handler-slots.ts';
import { LeaseClock } from '../../src/client/groups/lease-clock.ts';
import { Progress } from '../../src/client/groups/progress.ts';
import { ownerOf } from '../../src/client/groups/stream-owner.ts';
import type { Message } from '../../src/client/messages.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { anyText } from '../support/arbitraries.ts';

describe('a partition in the client', () => {
  test('has the same streams as in the server, for any name and size', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.integer({ min: 1, max: 1_024 }), (category, id, size) => {
        const stream = `${category}-${id}`.toWellFormed();
        expect(ownerOf(stream, size)).toBe(new StreamName(stream).owner(size));
      }),
    );
  });

  test('has no stream whose name has no id', () => {
    expect(ownerOf('account', 1)).toBe(-1);
  });

  test.each([0, 55, 56, 63, 64, 119, 120, 1_000])('has an id of %i bytes at the place given by MD5', (bytes) => {
    const stream = `account-${'x'.repeat(bytes)}`;
    expect(ownerOf(stream, 1_024)).toBe(new StreamName(stream).owner(1_024));
  });
});

describe('the clock of leases', () => {
  function clocks() {
    const at = { monotonicMs: 5_000, wallMs: 1_000_000 };
    vi.spyOn(performance, 'now').mockImplementation(() => at.monotonicMs);
    vi.spyOn(Date, 'now').mockImplementation(() => at.wallMs);
    const move = (monotonicMs: number, wallMs = monotonicMs) => {
      at.monotonicMs += monotonicMs;
      at.wallMs += wallMs;
    };
    return { clock: new LeaseClock(), move };
  }

  test('counts the time in which the machine slept', () => {
    const { clock, move } = clocks();
    move(10, 20_000);
    expect(clock.now()).toBe(20_000);
    move(10);
    expect(clock.now()).toBe(20_010);
    vi.restoreAllMocks();
  });

  test('continues when the wall clock is set back, and detects a later sleep', () => {
    const { clock, move } = clocks();
    move(2_000, -3_600_000);
    expect(clock.now()).toBe(2_000);
    move(1, 30_000);
    expect(clock.now()).toBe(32_000);
    vi.restoreAllMocks();
  });

  test('never goes back', () => {
    const { clock, move } = clocks();
    move(1, 500);
    clock.now();
    move(1, -500);
    expect(clock.now()).toBe(500);
    vi.restoreAllMocks();
  });
});

describe('progress', () => {
  const message = (stream: string, position: number, globalPosition: number) =>
    ({ stream, position, globalPosition }) as Message;

  function read(...streams: string[]) {
    const progress = new Progress(10);
    const entries = streams.map((stream, at) => progress.add(message(stream, at, 11 + at)));
    progress.readUpTo = 20;
    return { progress, entries };
  }

  test('ends before the first pending message', () => {
    const { progress, entries } = read('a-1', 'a-2', 'a-3');
    expect(progress.settledUpTo).toBe(10);
    progress.move(entries[1]!, 'settled');
    expect(progress.settledUpTo).toBe(10);
    progress.move(entries[0]!, 'skipped');
    expect(progress.settledUpTo).toBe(12);
    progress.move(entries[2]!, 'settled');
    expect(progress.settledUpTo).toBe(20);
    expect(progress.pending).toBe(0);
  });

  test('drops acknowledged messages', () => {
    const { progress, entries } = read('a-1', 'a-2', 'a-3');
    progress.move(entries[0]!, 'settled');
    progress.acknowledge(11);
    expect([progress.length, progress.acked]).toEqual([2, 11]);
    progress.acknowledge(9);
    expect([progress.length, progress.acked]).toEqual([2, 11]);
  });

  test('finds unsettled messages of a stream', () => {
    const { progress, entries } = read('a-1', 'a-1', 'a-2', 'a-1');
    progress.move(entries[1]!, 'settled');
    progress.move(entries[3]!, 'skipped');
    expect(progress.open('a-1')).toEqual([entries[0], entries[3]]);
  });
});

describe('slots of handlers', () => {
  async function order(count: number, ...streams: string[]) {
    const slots = new HandlerSlots(count);
    const begun: string[] = [];
    for (const stream of streams) void slots.acquire(stream).then(() => begun.push(stream));
    await undefined;
    const release = async (stream: string) => {
      slots.release(stream);
      await undefined;
      await undefined;
    };
    return { begun, release };
  }

  test('run a limited number of handlers, in the order of requests', async () => {
    const { begun, release } = await order(2, 'a', 'b', 'c', 'd');
    expect(begun).toEqual(['a', 'b']);
    await release('b');
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  test('run one handler per stream, and others overtake it', async () => {
    const { begun, release } = await order(2, 'a', 'a', 'b', 'c');
    expect(begun).toEqual(['a', 'b']);
    await release('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await release('a');
    expect(begun).toEqual(['a', 'b', 'c', 'a']);
  });
});

test('Acknowledgements of more partitions than one request holds follow in the next one.', async () => {
  vi.useFakeTimers();
  const acked = new Map<number, number>();
  const partitions = Array.from({ length: 1_001 }, (_value, partition) => ({
    takeAck: () => (acked.has(partition) ? undefined : { layout: 0, partition, generation: 1, position: 7 }),
    acknowledge: (position: number) => acked.set(partition, position),
  }));
  const sent: number[] = [];
  const send = async (acks: readonly Ack[]) => {
    sent.push(acks.length);
    return [];
  };
  const fail = (error: unknown) => expect.fail(String(error));
  const rounds = new AckRounds(() => partitions, send, fail, fail);
  rounds.settled();
  await vi.advanceTimersByTimeAsync(400);
  expect([sent, acked.size]).toEqual([[1_000, 1], 1_001]);
  vi.useRealTimers();
});

describe('an event of a member', () => {
  const lease = { beat: 3, leaseMs: 15_000, except: [2], head: 40 };
  const parse = (type: string, value: unknown) => parseGroupEvent({ type, data: JSON.stringify(value), id: undefined });

  test('is parsed as the server sent it, with unknown members', () => {
    expect(parse('lease', { ...lease, later: true })).toEqual({ type: 'lease', value: { ...lease, later: true } });
    expect(parse('unknown', 7)).toEqual({ type: 'unknown', value: 7 });
  });

  test.each([
    ['lease', { ...lease, leaseMs: undefined }],
    ['lease', { ...lease, head: 'all' }],
    ['lease', { ...lease, beat: 1.5 }],
    ['lease', { ...lease, except: null }],
    ['assigned', { partition: 0, layout: 0, size: 1, generation: 1, floors: [], held: [] }],
    ['forgotten', { partition: 0, generation: 1, lost: { from: 1 } }],
    ['end', {}],
    ['end', null],
  ])('is refused as %s %j, of which a member is missing', (type, value) => {
    expect(() => parse(type, value)).toThrow(TypeError);
  });
});
