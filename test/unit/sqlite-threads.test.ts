import { EventEmitter } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { ConfigError } from '../../src/config-error.ts';
import type { Call } from '../../src/store/sqlite/calls.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { type StartThread, StoreThread, type Thread } from '../../src/store/sqlite/store-thread.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

afterEach(() => vi.useRealTimers());

const options = () => ({ pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 10 });

/** A thread that only records its messages. */
class FakeThread extends EventEmitter implements Thread {
  readonly told: unknown[] = [];
  postMessage(message: unknown): void {
    this.told.push(message);
  }
  terminate(): void {
    this.emit('exit');
  }

  /** Answers the call with this number. */
  answer(number: number, value: unknown): void {
    this.emit('message', { answers: [{ number, value }] });
  }
}

type Ask = (value: string) => string;

const failed = { code: 'BACKEND_ERROR', message: 'The SQLite store failed; the server log has the cause.' };

test('Calls of one turn are posted to the thread together.', async () => {
  const thread = new FakeThread();
  const store = new StoreThread(thread);
  const asked = ['a', 'b'].map((value) => store.ask<Ask>('say', [value]));
  await expect.poll(() => thread.told).toHaveLength(1);
  expect((thread.told[0] as Call[]).map(({ args }) => args)).toEqual([['a'], ['b']]);
  thread.answer(1, 'B');
  thread.answer(0, 'A');
  expect(await Promise.all(asked)).toEqual(['A', 'B']);
});

test('An unanswered call is rejected at its deadline, and its result is reported when the answer arrives.', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const thread = new FakeThread();
  const store = new StoreThread(thread);
  const heard: string[] = [];
  const asked = store.ask<Ask>('say', ['a'], (value) => heard.push(value));
  const rejected = expect(asked).rejects.toMatchObject({
    ...failed,
    cause: { message: 'a thread of the SQLite store did not answer within 10 s: its disk may be slow' },
  });
  vi.advanceTimersByTime(9_000);
  expect(heard).toEqual([]);
  vi.advanceTimersByTime(3_000);
  await rejected;
  thread.answer(0, 'late');
  expect(heard).toEqual(['late']);
});

test('Beyond the maximum number of waiting calls, new ones are refused until some are answered, however late.', async () => {
  const thread = new FakeThread();
  const store = new StoreThread(thread);
  const asked = Array.from({ length: 16_384 }, () => store.ask<Ask>('say', ['a']));
  await expect(store.ask<Ask>('say', ['b'])).rejects.toMatchObject({ code: 'OVERLOADED' });
  thread.answer(0, 'A');
  expect(await asked[0]).toBe('A');
  const more = store.ask<Ask>('say', ['c']);
  thread.emit('exit');
  expect((await Promise.allSettled([...asked.slice(1), more])).every(({ status }) => status === 'rejected')).toBe(true);
});

test('Beyond the maximum number of waiting characters, new calls are refused, but a single call of any size is accepted.', async () => {
  const thread = new FakeThread();
  const store = new StoreThread(thread);
  const ask = (characters: number) => store.ask<Ask>('say', ['a'], undefined, characters);
  const large = ask(100_000_000);
  await expect(ask(1)).rejects.toMatchObject({ code: 'OVERLOADED', details: { reasons: ['store'] } });
  thread.answer(0, 'A');
  expect(await large).toBe('A');
  const many = Array.from({ length: 32 }, () => ask(1_048_576));
  await expect(ask(0)).rejects.toMatchObject({ code: 'OVERLOADED' });
  thread.answer(1, 'B');
  expect(await many[0]).toBe('B');
  const taken = ask(0);
  expect(await Promise.race([taken, 'taken'])).toBe('taken');
  thread.emit('exit');
  await Promise.allSettled([...many, taken]);
});

test('An overloaded store refuses appends of any size, and accepts them once there is capacity.', async () => {
  using folder = new TemporaryFolder();
  const url = `sqlite:${folder.file('pokewire.db')}`;
  const store = await SqliteStore.open(url, options(), serveHere);
  const namespace = { id: 'a', uid: 'a', description: '', createdAtMs: 0, tokens: [] };
  const log = store.log((await createNamespace(store.namespaces, namespace)).log);
  const data = JSON.stringify('x'.repeat(4_194_304));
  const appends = Array.from({ length: 10 }, () => log.append('s-1', [{ ...newMessages(1)[0]!, data }], undefined));
  const outcomes = await Promise.allSettled(appends);
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(2);
  expect(await log.append('s-1', newMessages(1), undefined)).toMatchObject({ outcome: 'appended', position: 8 });
  await store.close();
});

test('A thread that dies is reported, one that was asked to end is not.', async () => {
  for (const isAsked of [true, false]) {
    const thread = new FakeThread();
    const store = new StoreThread(thread);
    const ended = isAsked ? store.end() : undefined;
    thread.emit('exit');
    await ended;
    const told = await Promise.race([store.failed, new Promise((resolve) => setImmediate(resolve))]);
    expect(told).toEqual(isAsked ? undefined : new Error('a thread of the SQLite store has ended'));
  }
});

test('After a thread has died, waiting and new calls reject with the fault, and ending it is not a fault.', async () => {
  const thread = new FakeThread();
  const store = new StoreThread(thread);
  const asked = store.ask<Ask>('say', ['a']);
  thread.emit('error', new Error('out of memory'));
  thread.emit('exit');
  await expect(asked).rejects.toMatchObject({ ...failed, cause: { message: 'out of memory' } });
  await expect(store.ask<Ask>('say', ['b'])).rejects.toMatchObject({ ...failed, cause: { message: 'out of memory' } });
  await store.end();
});

test('A thread that does not end is terminated.', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const thread = new FakeThread();
  const store = new StoreThread(thread);
  const ended = store.end();
  vi.advanceTimersByTime(11_000);
  await ended;
  expect(thread.told).toEqual(['end']);
});

test('A writer that ends before it has opened the database makes the start fail.', async () => {
  const startThread: StartThread = () => {
    const thread = new FakeThread();
    setImmediate(() => thread.terminate());
    return thread;
  };
  await expect(SqliteStore.open('sqlite:unused.db', options(), startThread)).rejects.toThrow('ended before');
});

test('If the reader cannot start, the writer is ended and the file is free again.', async () => {
  using folder = new TemporaryFolder();
  const url = `sqlite:${folder.file('pokewire.db')}`;
  const startThread: StartThread = (name, threadOptions) => {
    if (name === 'writer') return serveHere(name, threadOptions);
    const thread = new FakeThread();
    setImmediate(() => thread.emit('message', { refusal: 'no reader' }));
    return thread;
  };
  await expect(SqliteStore.open(url, options(), startThread)).rejects.toEqual(new ConfigError('no reader'));
  const store = await SqliteStore.open(url, options(), serveHere);
  await store.close();
});

test('Closing answers every earlier call, and rejects later ones.', async () => {
  using folder = new TemporaryFolder();
  const store = await SqliteStore.open(`sqlite:${folder.file('pokewire.db')}`, options(), serveHere);
  const namespace = { id: 'a', uid: 'a', description: '', createdAtMs: 0, tokens: [] };
  const log = store.log((await createNamespace(store.namespaces, namespace)).log);
  const asked = Array.from({ length: 500 }, (_, n) => log.append(`s-${n % 7}`, newMessages(1 + (n % 3)), undefined));
  const closed = store.close();
  const outcomes = await Promise.all(asked);
  expect(outcomes.every(({ outcome }) => outcome === 'appended')).toBe(true);
  await closed;
  await expect(log.append('s-1', newMessages(1), undefined)).rejects.toMatchObject(failed);
  await expect(log.bounds()).rejects.toMatchObject(failed);
});
