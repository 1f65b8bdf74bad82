import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { FakeStore } from '../support/fake-store.ts';
import { startTestApp } from '../support/start-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

test.each(['/streams/a-1/messages', '/categories/a/messages?batchSize=-1', '/streams/a-1/messages?batchSize=-1'])(
  'HEAD %s reads no message, and sends no wrong length.',
  async (path) => {
    const faults = new StoreFaults();
    await using app = await startTestApp([], {
      openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
    });
    await app.append('a-1', { type: 'T', data: {} });
    const { status, headers } = await fetch(app.url + path, { method: 'HEAD' });
    expect([status, headers.get('content-type'), headers.get('content-length')]).toEqual([
      200,
      'application/json',
      null,
    ]);
    expect([faults.calls.get('readStream'), faults.calls.get('read')]).toEqual([undefined, undefined]);
  },
);

/** A store with endless pages without a match. */
class BarrenStore extends FakeStore {
  pages = 0;

  override log(id: LogId): Log {
    const log = super.log(id);
    const read: Log['read'] = async (filter, _from, limit) => {
      this.pages++;
      return { ...(await log.read(filter, 1, limit)), messages: [], next: 1 };
    };
    return new Proxy(log, { get: (target, name) => (name === 'read' ? read : Reflect.get(target, name, target)) });
  }
}

test.each(['/categories/a/messages?batchSize=-1', '/export?category=a'])(
  'A read whose pages match nothing stops when its client has disconnected: %s.',
  async (path) => {
    let store: BarrenStore | undefined;
    await using app = await startTestApp([], {
      openStore: async (_url, options) => {
        store = new BarrenStore(options);
        return store;
      },
    });
    await app.append('a-1', { type: 'T', data: {} });
    const socket = connect(app.port, '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect.poll(() => store!.pages).toBeGreaterThan(10);
    const closed = once(socket, 'close');
    socket.resetAndDestroy();
    await closed;
    const readInTenTurns = async () => {
      const before = store!.pages;
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      return store!.pages - before;
    };
    await expect.poll(readInTenTurns).toBe(0);
  },
);

test('Pages of many long answers do not share an iteration of the event loop.', async () => {
  let iteration = 0;
  let ticking = setImmediate(function tick() {
    iteration++;
    ticking = setImmediate(tick);
  });
  const pagesOf = new Map<number, number>();
  class CountedStore extends BarrenStore {
    override log(id: LogId): Log {
      const log = super.log(id);
      const read: Log['read'] = (...args) => {
        pagesOf.set(iteration, (pagesOf.get(iteration) ?? 0) + 1);
        return log.read(...args);
      };
      return new Proxy(log, { get: (target, name) => (name === 'read' ? read : Reflect.get(target, name, target)) });
    }
  }
  await using app = await startTestApp([], { openStore: async (_url, options) => new CountedStore(options) });
  await app.append('a-1', { type: 'T', data: {} });
  const sockets = Array.from({ length: 16 }, () => connect(app.port, '127.0.0.1').on('error', () => {}));
  for (const socket of sockets) socket.write('GET /categories/a/messages?batchSize=-1 HTTP/1.1\r\nHost: x\r\n\r\n');
  await expect.poll(() => pagesOf.size).toBeGreaterThan(200);
  const late = [...pagesOf.values()].slice(100);
  for (const socket of sockets) socket.resetAndDestroy();
  clearImmediate(ticking);
  // A page before one turn's tick and a page after the previous turn's tick have the same number.
  expect(Math.max(...late)).toBeLessThanOrEqual(2);
});
