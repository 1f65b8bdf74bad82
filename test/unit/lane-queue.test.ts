import { describe, expect, test } from 'vitest';
import { LaneQueue, type Waiting } from '../../src/store/postgres/lane-queue.ts';
import { newMessages } from '../support/fake-messages.ts';

function waiting(stream: string, given: Partial<Waiting> = {}): Waiting {
  return {
    stream,
    messages: newMessages(1),
    expectedVersion: undefined,
    units: 10,
    isUnsure: false,
    resolve: () => {},
    reject: () => {},
    deadlineMs: 1_000,
    company: 'any',
    conflicts: 0,
    ...given,
  };
}

function queueOf(...appends: readonly Waiting[]): LaneQueue {
  const queue = new LaneQueue();
  for (const append of appends) queue.push(append);
  return queue;
}

/** Streams of each group, until nothing waits. */
function groupsOf(queue: LaneQueue): string[][] {
  const groups: string[][] = [];
  for (let group = queue.takeGroup(); group.length > 0; group = queue.takeGroup()) {
    groups.push(group.map(({ stream }) => stream));
  }
  return groups;
}

describe('The queue of a lane', () => {
  test('puts all waiting appends into one group, up to its bounds.', () => {
    const many = Array.from({ length: 300 }, (_value, n) => waiting(`a-${n}`));
    expect(groupsOf(queueOf(...many)).map(({ length }) => length)).toEqual([256, 44]);
    const large = [1, 2, 3].map((n) => waiting(`a-${n}`, { units: 5_000_000 }));
    expect(groupsOf(queueOf(...large)).map(({ length }) => length)).toEqual([1, 1, 1]);
    const long = [1, 2, 3].map((n) => waiting(`a-${n}`, { messages: newMessages(900) }));
    expect(groupsOf(queueOf(...long)).map(({ length }) => length)).toEqual([2, 1]);
  });

  test('separates appends after a conflict, into a group per category, before later ones.', () => {
    const queue = queueOf(waiting('b-9'));
    queue.giveBack(['b-1', 'a-1', 'b-2', 'a-2', 'b-1'].map((stream) => waiting(stream, { company: 'category' })));
    expect(groupsOf(queue)).toEqual([['a-1', 'a-2'], ['b-1', 'b-2', 'b-1'], ['b-9']]);
  });

  test('separates all appends of a group with a payload that cannot be stored, in their order.', () => {
    const queue = queueOf(waiting('a-9'));
    queue.giveBack(['b-1', 'a-1', 'a-2'].map((stream) => waiting(stream, { company: 'none' })));
    expect(groupsOf(queue)).toEqual([['b-1'], ['a-1'], ['a-2'], ['a-9']]);
  });

  test('returns those whose deadline has passed, which are the oldest.', () => {
    const queue = queueOf(...[10, 20, 30].map((deadlineMs) => waiting(`a-${deadlineMs}`, { deadlineMs })));
    expect(queue.takeExpired(9)).toEqual([]);
    expect(queue.takeExpired(20).map(({ stream }) => stream)).toEqual(['a-10', 'a-20']);
    expect(queue.length).toBe(1);
    expect(queue.takeExpired(30).length).toBe(1);
    expect(queue.takeExpired(30)).toEqual([]);
  });
});
