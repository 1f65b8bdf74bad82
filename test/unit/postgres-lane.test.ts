import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Connection, Statement } from '../../src/store/postgres/connection.ts';
import { Lane } from '../../src/store/postgres/lane.ts';
import { newMessage, newMessages } from '../support/fake-messages.ts';

/** A connection whose statements get no answer, and reject when the test breaks it. */
class CutOffConnection {
  #waiting: ((error: Error) => void)[] = [];
  tries = 0;

  query(statement: string | Statement): Promise<never> {
    if (typeof statement === 'string' && statement.startsWith('BEGIN')) this.tries++;
    const { promise, reject } = Promise.withResolvers<never>();
    this.#waiting.push(reject);
    return promise;
  }

  breakOff(): void {
    for (const reject of this.#waiting.splice(0)) reject(new Error('Query read timeout'));
  }

  drop(): void {}
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('An append that waits for the attempt of another is refused after its deadline, without its own attempt.', async () => {
  const connection = new CutOffConnection();
  const lane = new Lane(connection as unknown as Connection, () => {});
  const append = () =>
    lane.append({ stream: 'a-1', messages: newMessages(1), expectedVersion: undefined }).then(
      ({ outcome }) => outcome,
      ({ code }) => code,
    );
  const tried = append();
  await expect.poll(() => connection.tries).toBe(1);
  const waiting = append();
  vi.advanceTimersByTime(9_999);
  connection.breakOff();
  // Another attempt with both starts before the deadline of 10 s.
  await expect.poll(() => connection.tries).toBe(2);
  const later = append();
  vi.advanceTimersByTime(10_000);
  connection.breakOff();
  expect(await Promise.all([tried, waiting, later])).toEqual(['BACKEND_ERROR', 'BACKEND_ERROR', 'BACKEND_ERROR']);
  expect([connection.tries, lane.waiting]).toEqual([2, 0]);
});

test('An append that contains a separator of columns is refused, and shares no transaction.', async () => {
  const connection = new CutOffConnection();
  const lane = new Lane(connection as unknown as Connection, () => {});
  const messages = [newMessage({ data: '"\u001e"' })];
  const append = lane.append({ stream: 'a-1', messages, expectedVersion: undefined });
  await expect(append).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  expect([connection.tries, lane.waiting]).toEqual([0, 0]);
});
