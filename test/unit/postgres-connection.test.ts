import { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Connection } from '../../src/store/postgres/connection.ts';

/** A client on a network that was cut: nothing is answered, and ending it takes until its socket is destroyed. */
class CutOffClient extends EventEmitter {
  readonly #broken = Promise.withResolvers<void>();
  readonly #waiting: ((error: Error) => void)[] = [];
  isDestroyed = false;
  readonly connection = {
    stream: {
      destroy: () => {
        this.isDestroyed = true;
        for (const reject of this.#waiting) reject(new Error('Connection terminated'));
        this.#broken.resolve();
        this.emit('end');
      },
    },
  };

  query(): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#waiting.push(reject);
    return promise;
  }

  end(): Promise<void> {
    return this.#broken.promise;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('A connection on a disconnected network is closed after 2 s, and its running statements reject.', async () => {
  const client = new CutOffClient();
  const connection = new Connection(async () => client as unknown as Client);
  const answer = connection.query('SELECT 1').then(
    () => 'answered',
    () => 'rejected',
  );
  await vi.advanceTimersByTimeAsync(0);
  let isClosed = false;
  const closing = connection.close().then(() => {
    isClosed = true;
  });
  await vi.advanceTimersByTimeAsync(1_999);
  expect([isClosed, client.isDestroyed]).toEqual([false, false]);
  await vi.advanceTimersByTimeAsync(1);
  await closing;
  expect([await answer, client.isDestroyed, connection.underWay]).toEqual(['rejected', true, 0]);
});

test('A closed connection is not reopened: statements reject with a coded error.', async () => {
  let opened = 0;
  const connection = new Connection(async () => {
    opened++;
    return new CutOffClient() as unknown as Client;
  });
  await connection.close();
  await expect(connection.query('SELECT 1')).rejects.toMatchObject({ code: 'BACKEND_ERROR' });
  expect([opened, connection.underWay]).toEqual([0, 0]);
});

test('A new connection that fails its check is destroyed, and answers nothing.', async () => {
  const client = new CutOffClient();
  const connection = new Connection(
    async () => client as unknown as Client,
    async () => {
      throw new Error('another database');
    },
  );
  await expect(connection.query('SELECT 1')).rejects.toThrow('another database');
  expect([client.isDestroyed, connection.isOpen, connection.breaks]).toEqual([true, false, 1]);
});

test('A connection being opened on a disconnected network is abandoned at once when it is closed.', async () => {
  let isOver = false;
  const connection = new Connection((signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal!.addEventListener('abort', () => {
      isOver = true;
      reject(new Error('Connection terminated'));
    });
    return promise;
  });
  const answer = connection.query('SELECT 1').then(
    () => 'answered',
    () => 'rejected',
  );
  await connection.close();
  expect([await answer, isOver, connection.underWay]).toEqual(['rejected', true, 0]);
});

test('A connection being checked on a disconnected network is abandoned at once when it is closed.', async () => {
  const client = new CutOffClient();
  const connection = new Connection(
    async () => client as unknown as Client,
    () => client.query(),
  );
  const answer = connection.query('SELECT 1').then(
    () => 'answered',
    () => 'rejected',
  );
  await vi.advanceTimersByTimeAsync(0);
  await connection.close();
  expect([await answer, client.isDestroyed]).toEqual(['rejected', true]);
});

test('A statement with a name is prepared, unless another session may run the next one.', async () => {
  for (const isPooled of [false, true]) {
    const asked: unknown[] = [];
    const query = async (config: unknown) => {
      asked.push(config);
      return { rows: [], command: 'SELECT' };
    };
    const client = Object.assign(new EventEmitter(), { query }) as unknown as Client;
    const connection = new Connection(async () => client, undefined, isPooled);
    await connection.query({ name: 'news', text: 'SELECT $1' }, [1]);
    const plain = { text: 'SELECT $1', values: [1], rowMode: 'array' };
    expect(asked).toEqual([isPooled ? plain : { ...plain, name: 'news' }]);
  }
});
