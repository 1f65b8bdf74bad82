import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import type { Answer, Connection, Statement } from '../../src/store/postgres/connection.ts';
import type { Row } from '../../src/store/postgres/lost-end.ts';
import { SettledLog } from '../../src/store/postgres/settled-log.ts';
import { pokePool } from '../support/fake-messages.ts';

/** Network latency in one direction. */
const wayMs = 1;

/** A database whose table the test fills. A statement sees the table as it is when it arrives. */
class FakeDatabase {
  readonly rows: Row[] = [];
  /** Transactions that hold the sequence's lock. */
  readonly holders = new Set<string>();
  /** Number of polls. */
  looks = 0;

  /** Commits messages of one stream at these global positions. */
  commit(...globalPositions: readonly number[]): Row[] {
    const rows = globalPositions.map((globalPosition): Row => [globalPosition, 'a-1', globalPosition]);
    this.rows.push(...rows);
    this.rows.sort(([one], [other]) => one - other);
    return rows;
  }

  readonly query: Connection['query'] = async <R extends readonly unknown[]>(
    statement: string | Statement,
    values: readonly unknown[] = [],
  ) => {
    await way();
    const rows = this.#answer(typeof statement === 'string' ? statement : statement.name, values);
    await way();
    return { rows, command: 'SELECT' } as unknown as Answer<R>;
  };

  #answer(statement: string, [after]: readonly unknown[]): readonly unknown[] {
    if (statement === 'holders') return [...this.holders].map((holder) => [holder]);
    if (statement !== 'news') return [[this.rows.at(-1)?.[0] ?? null]];
    this.looks++;
    return this.rows.filter(([globalPosition]) => globalPosition > Number(after));
  }
}

function way(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, wayMs));
}

/** A log over the database, and each position its follower received, with the time. */
async function followed(database: FakeDatabase) {
  const log = new SettledLog({
    epoch: 'e' as LogId,
    connection: database,
    sequence: 1,
    pokes: pokePool(),
    log: undefined,
    looked: () => {},
  });
  const told: { readonly globalPosition: number; readonly atMs: number }[] = [];
  log.follow((announcement) => {
    if (announcement === 'wake-up') return;
    expect(announcement.after).toBe(told.at(-1)?.globalPosition ?? announcement.after);
    for (const { globalPosition } of announcement.pokes) told.push({ globalPosition, atMs: performance.now() });
  });
  await vi.advanceTimersByTimeAsync(20);
  const positions = () => told.map(({ globalPosition }) => globalPosition);
  return { log, told, positions };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Messages that others commit', () => {
  test('are delivered within 10 ms whenever they are committed, if the database is 1 ms away.', async () => {
    const database = new FakeDatabase();
    const { log, told } = await followed(database);
    const committed: number[] = [];
    // Every millisecond between two polls, and during them.
    for (let n = 1; n <= 50; n++) {
      await vi.advanceTimersByTimeAsync(22);
      committed.push(performance.now());
      database.commit(n);
    }
    await vi.advanceTimersByTimeAsync(20);
    log.stop();
    const delaysMs = told.map(({ atMs }, index) => atMs - committed[index]!);
    expect(delaysMs.length).toBe(50);
    expect(Math.max(...delaysMs)).toBeLessThanOrEqual(10);
    // The test has hit the worst moment: just after a poll.
    expect(Math.max(...delaysMs)).toBeGreaterThanOrEqual(5 + 2 * wayMs);
  });

  test('are polled by one statement at a time, however long each takes.', async () => {
    const database = new FakeDatabase();
    const { log } = await followed(database);
    const before = database.looks;
    await vi.advanceTimersByTimeAsync(700);
    expect(database.looks - before).toBe(700 / (5 + 2 * wayMs));
    log.stop();
  });
});

describe('Messages that this node has committed', () => {
  test('are delivered without a poll when they follow the settled head.', async () => {
    const database = new FakeDatabase();
    const { log, positions } = await followed(database);
    log.committed(database.commit(1, 2), true);
    expect([positions(), log.head]).toEqual([[1, 2], 2]);
    log.committed(database.commit(3), true);
    expect(positions()).toEqual([1, 2, 3]);
    await vi.advanceTimersByTimeAsync(100);
    expect(positions()).toEqual([1, 2, 3]);
    log.stop();
  });

  test('are delivered once, in order, when a running poll has seen some of them.', async () => {
    for (let elapsedMs = 0; elapsedMs < 14; elapsedMs++) {
      const database = new FakeDatabase();
      const { log, positions } = await followed(database);
      await vi.advanceTimersByTimeAsync(elapsedMs);
      const own = database.commit(1, 2);
      database.commit(3);
      await vi.advanceTimersByTimeAsync(1);
      log.committed(own, true);
      log.committed(database.commit(4), true);
      await vi.advanceTimersByTimeAsync(30);
      expect(positions()).toEqual([1, 2, 3, 4]);
      log.stop();
    }
  });

  test('wait for an open transaction with a lower position.', async () => {
    const database = new FakeDatabase();
    const { log, positions } = await followed(database);
    database.holders.add('4/1');
    // An open transaction has taken 2.
    log.committed(database.commit(1, 3), true);
    expect(positions()).toEqual([1]);
    await vi.advanceTimersByTimeAsync(200);
    log.committed(database.commit(4), true);
    await vi.advanceTimersByTimeAsync(200);
    expect(positions()).toEqual([1]);
    database.commit(2);
    database.holders.clear();
    await vi.advanceTimersByTimeAsync(200);
    expect(positions()).toEqual([1, 2, 3, 4]);
    log.stop();
  });

  test('are delivered by a poll when another server than the polled one committed them.', async () => {
    const database = new FakeDatabase();
    const { log, positions } = await followed(database);
    // The server that is polled has another message there, or none.
    log.committed([[1, 'lost-1', 0]], false);
    await vi.advanceTimersByTimeAsync(20);
    expect(positions()).toEqual([]);
    log.committed(database.commit(1), false);
    expect(positions()).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(positions()).toEqual([1]);
    log.stop();
  });

  test('are below the settled head at once, even if the start waited for an open transaction before them.', async () => {
    const database = new FakeDatabase();
    database.commit(1);
    database.holders.add('4/1');
    const { log } = await followed(database);
    database.holders.clear();
    database.commit(2);
    const settled = log.settled();
    await vi.advanceTimersByTimeAsync(100);
    expect(await settled).toBe(2);
    log.stop();
  });

  test('are not delivered before the first head is known.', async () => {
    const database = new FakeDatabase();
    database.commit(1);
    database.holders.add('4/1');
    const { log, positions } = await followed(database);
    log.committed(database.commit(2), true);
    expect(positions()).toEqual([]);
    database.holders.clear();
    await vi.advanceTimersByTimeAsync(200);
    expect(log.head).toBe(2);
    log.stop();
  });
});
