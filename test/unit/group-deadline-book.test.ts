import { describe, expect, test } from 'vitest';
import {
  assigned,
  attempted,
  beaten,
  type DeadlineBook,
  disconnected,
  emptyBook,
  fenced,
  joined,
  keyOf,
  leased,
  leaving,
  mayStart,
  released,
  revoked,
} from '../../src/client/groups/deadline-book.ts';

const leaseMs = 15_000;
const session = 's1';
const partition = (partition: number, generation: number, layout = 0) => ({ layout, partition, generation });

/** A member that sent its first attempt at 0. */
const member = () => joined(attempted(emptyBook, 0), { session, leaseMs });
const owning = (...given: ReturnType<typeof partition>[]) =>
  given.reduce((book, one) => assigned(book, one).book, member());
const deadlineOf = (book: DeadlineBook, key = keyOf(partition(3, 0))) => book.assignments.get(key)?.deadlineMs;
const lease = (beat: number, except: number[] = []) => ({ beat, leaseMs, except });

describe('a lease', () => {
  test('of a session that joined lasts 0.9 of its time, counted from the attempt', () => {
    const book = owning(partition(3, 42));
    expect(deadlineOf(book)).toBe(13_500);
    expect(mayStart(book, partition(3, 42), 13_499)).toBe(true);
    expect(mayStart(book, partition(3, 42), 13_500)).toBe(false);
  });

  test('counts from the time its beat was sent, however late it arrives', () => {
    const book = beaten(beaten(owning(partition(3, 42)), 3_000), 6_000);
    expect(deadlineOf(leased(book, lease(1)))).toBe(16_500);
    expect(deadlineOf(leased(book, lease(2)))).toBe(19_500);
  });

  test('never shortens a lease that arrived before', () => {
    const book = beaten(beaten(owning(partition(3, 42)), 3_000), 6_000);
    const both = leased(leased(book, lease(2)), lease(1));
    expect([deadlineOf(both), both.deadlineMs]).toEqual([19_500, 19_500]);
  });

  test('of a beat that this process never sent, or sent long ago, extends nothing', () => {
    let book = owning(partition(3, 42));
    for (let count = 0; count < 40; count++) book = beaten(book, 1_000);
    expect(leased(book, lease(8))).toBe(book);
    expect(leased(book, lease(41))).toBe(book);
    expect(book.sentAtMs.size).toBe(32);
  });

  test('does not extend the excepted partitions, in any layout', () => {
    const book = beaten(owning(partition(3, 42), partition(5, 43), partition(3, 44, 1)), 3_000);
    const after = leased(book, lease(1, [3]));
    expect([...after.assignments.values()].map(({ deadlineMs }) => deadlineMs)).toEqual([13_500, 16_500, 13_500]);
  });

  test('is the deadline of partitions assigned after it', () => {
    const book = leased(beaten(member(), 3_000), lease(1));
    expect(deadlineOf(assigned(book, partition(3, 42)).book)).toBe(16_500);
  });
});

describe('a reconnection', () => {
  const again = (book: DeadlineBook, nowMs: number) => joined(attempted(book, nowMs), { session, leaseMs });

  test('increases the attempt, and owned partitions last until their deadline', () => {
    const book = attempted(disconnected(owning(partition(3, 42))), 5_000);
    expect(book).toMatchObject({ attempt: 2, session });
    expect(mayStart(book, partition(3, 42), 13_499)).toBe(true);
    expect(mayStart(book, partition(3, 42), 13_500)).toBe(false);
  });

  test('alone extends nothing', () => {
    expect(deadlineOf(again(owning(partition(3, 42)), 5_000))).toBe(13_500);
  });

  test('extends only partitions that it assigned again', () => {
    const reconnected = beaten(again(owning(partition(3, 42), partition(4, 43)), 5_000), 6_000);
    const { book, action } = assigned(reconnected, partition(3, 42));
    expect(action).toBe('continue');
    const after = leased(book, lease(1));
    expect([deadlineOf(after), deadlineOf(after, '0/4')]).toEqual([19_500, 13_500]);
  });

  test('as another session owns nothing', () => {
    const book = joined(attempted(owning(partition(3, 42)), 5_000), { session: 's2', leaseMs });
    expect(book).toMatchObject({ session: 's2', deadlineMs: 18_500 });
    expect(mayStart(book, partition(3, 42), 5_001)).toBe(false);
  });

  test('accepts no lease while there is no connection', () => {
    const book = disconnected(beaten(owning(partition(3, 42)), 3_000));
    expect(leased(book, lease(1))).toBe(book);
  });
});

describe('an assignment', () => {
  test('of a higher generation replaces the previous one', () => {
    const { book, action } = assigned(owning(partition(3, 42)), partition(3, 50));
    expect(action).toBe('start');
    expect(mayStart(book, partition(3, 42), 1)).toBe(false);
    expect(mayStart(book, partition(3, 50), 1)).toBe(true);
  });

  test('of a lower generation is ignored', () => {
    const book = owning(partition(3, 42));
    expect(assigned(book, partition(3, 41))).toEqual({ book, action: 'ignore' });
  });

  test('of a generation that was released is released again', () => {
    const book = released(owning(partition(3, 42)), partition(3, 42));
    expect(assigned(book, partition(3, 42))).toEqual({ book, action: 'release' });
    expect(assigned(book, partition(3, 41)).action).toBe('release');
    expect(assigned(book, partition(3, 43)).action).toBe('start');
    expect(assigned(book, partition(3, 42, 1)).action).toBe('start');
  });

  test('is ignored by a member that leaves', () => {
    const book = leaving(member());
    expect(assigned(book, partition(3, 42))).toEqual({ book, action: 'ignore' });
  });
});

describe('a revoke', () => {
  test('prevents further handlers', () => {
    const { book, action } = revoked(owning(partition(3, 42)), partition(3, 42));
    expect(action).toBe('finish');
    expect(mayStart(book, partition(3, 42), 1)).toBe(false);
  });

  test('is not undone by the same generation, assigned again on another connection', () => {
    const { book } = revoked(owning(partition(3, 42)), partition(3, 42));
    const again = assigned(joined(attempted(book, 5_000), { session, leaseMs }), partition(3, 42));
    expect(again.action).toBe('continue');
    expect(mayStart(again.book, partition(3, 42), 5_001)).toBe(false);
  });

  test('of a partition that is not owned, or owned in a lower generation, is released', () => {
    const book = owning(partition(3, 42));
    expect(revoked(book, partition(5, 43))).toMatchObject({ action: 'release' });
    const { book: after, action } = revoked(book, partition(3, 43));
    expect(action).toBe('release');
    expect(after.assignments.size).toBe(0);
    expect(assigned(after, partition(3, 43)).action).toBe('release');
  });

  test('of a former generation changes nothing', () => {
    const book = owning(partition(3, 42));
    expect(revoked(book, partition(3, 41))).toEqual({ book, action: 'ignore' });
  });
});

describe('a release', () => {
  test('keeps no generations of layouts older than the last two', () => {
    let book = member();
    for (let layout = 0; layout < 5; layout++) book = released(book, partition(3, 10 + layout, layout));
    expect([...book.released.keys()]).toEqual(['3/3', '4/3']);
  });

  test('of a former generation keeps the newer one', () => {
    const book = released(owning(partition(3, 42)), partition(3, 41));
    expect(mayStart(book, partition(3, 42), 1)).toBe(true);
  });
});

test('a refusal because of fencing ends that generation, and no other', () => {
  const book = owning(partition(3, 42));
  expect(fenced(book, partition(3, 41))).toBe(book);
  expect(mayStart(fenced(book, partition(3, 42)), partition(3, 42), 1)).toBe(false);
});

test('a generation that was refused is released if an older event assigns it once more', () => {
  const book = fenced(owning(partition(3, 42)), partition(3, 42));
  expect(assigned(book, partition(3, 42)).action).toBe('release');
  expect(assigned(book, partition(3, 43)).action).toBe('start');
});

test('a member that leaves starts nothing', () => {
  expect(mayStart(leaving(owning(partition(3, 42))), partition(3, 42), 1)).toBe(false);
});
