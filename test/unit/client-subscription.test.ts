import { describe, expect, test, vi } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { framesOf, ScriptedServer, settle, useFakeClock } from './scripted-server.ts';
import { names, subscribe } from './scripted-subscription.ts';

const log = framesOf('aaaa-1111');
const otherLog = framesOf('bbbb-2222');

useFakeClock();

describe('a connection', () => {
  test('requests named events, head heartbeats and its own period', async () => {
    const { server } = await subscribe({ category: ['account', 'order'], consumer: 1, size: 4, position: 7 });
    const { url, query, headers } = server.nth(1);
    expect(url.pathname).toBe('/subscribe');
    expect(url.searchParams.getAll('category')).toEqual(['account', 'order']);
    expect(query).toMatchObject({ consumer: '1', size: '4', position: '7', hello: 'true', heartbeat: 'head' });
    expect(query.heartbeatMs).toBe('4000');
    expect(headers.get('accept')).toBe('text/event-stream');
    expect(headers.has('last-event-id')).toBe(false);
  });

  test('is catching up after the hello, and live with the first proof', async () => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(2, 0));
    await stream.send(log.poke('account-1', 0, 1) + log.poke('account-1', 1, 2));
    expect(names(states)).toEqual(['connecting', 'catching-up']);
    await stream.send(log.heartbeat(2, 2));
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2, isBuffered: false });
    expect(positions()).toEqual([1, 2]);
  });

  test('reports a state once while nothing changes', async () => {
    const { server, states } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    await stream.send(log.heartbeat(0));
    await stream.send(log.heartbeat(0));
    expect(names(states)).toEqual(['connecting', 'catching-up', 'live']);
  });

  test('sends the token as a header', async () => {
    const { server } = await subscribe({ all: true }, { token: 'ns_x' });
    expect(server.nth(1).headers.get('authorization')).toBe('Bearer ns_x');
  });

  test('sends a ticket in the query, created for its selectors, and no token with it', async () => {
    const ticket = vi.fn(() => ({ ticket: 'R2m' }));
    const { server } = await subscribe({ stream: 'account-7' }, { ticket, token: 'ns_x' });
    expect(ticket).toHaveBeenCalledWith({ stream: ['account-7'] });
    expect(server.nth(1).query.ticket).toBe('R2m');
    expect(server.nth(1).headers.has('authorization')).toBe(false);
  });

  test('calls no callback before subscribe has returned', () => {
    const onState = vi.fn();
    const { fetch } = new ScriptedServer();
    connect('http://server.test', { fetch }).subscribe({ all: true }, { onState });
    expect(onState).not.toHaveBeenCalled();
  });

  test('continues when a callback throws', async () => {
    const thrown = new Error('of the user');
    const onPoke = vi.fn(() => {
      throw thrown;
    });
    const queued = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => expect(task).toThrow(thrown));
    const { server, states } = await subscribe({ all: true }, {}, { onPoke });
    const stream = await server.nth(1).open(log.hello(0, 0));
    await stream.send(log.poke('a', 0, 1) + log.poke('a', 1, 2) + log.heartbeat(2, 2));
    expect(onPoke).toHaveBeenCalledTimes(2);
    expect(queued).toHaveBeenCalledTimes(2);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2 });
  });
});

describe('the head', () => {
  test('of a category is requested first, and the subscription starts after it', async () => {
    const { server, states } = await subscribe({ category: 'account', position: 'head' });
    const first = server.nth(1);
    expect(first.query.position).toBe('9007199254740991');
    await first.open(log.hello(57));
    expect(first.isAborted).toBe(true);
    const { headers, query } = server.nth(2);
    expect(headers.get('last-event-id')).toBe('57');
    expect(query.epoch).toBe('aaaa-1111');
    await server.nth(2).open(log.hello(58, 57) + log.poke('account-1', 0, 58) + log.heartbeat(58, 1));
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 58 });
    expect(names(states)).not.toContain('away');
  });

  test('of everything takes one request', async () => {
    const { server } = await subscribe({ all: true, position: 'head' });
    expect(server.nth(1).query.position).toBeUndefined();
    await server.nth(1).open(log.hello(57, 57) + log.heartbeat(57));
    expect(server.requests.length).toBe(1);
  });
});

describe('a reset', () => {
  test('is reported, and everything after it is delivered', async () => {
    const { server, resets, positions } = await subscribe();
    await (await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    const lost = { epoch: null, from: 2, to: null };
    await server
      .nth(2)
      .open(otherLog.hello(1) + otherLog.reset('other-epoch', lost) + otherLog.poke('account-2', 0, 1));
    expect(resets).toEqual([{ reason: 'other-epoch', epoch: 'bbbb-2222', head: 0, lost, replayFrom: 1 }]);
    expect(positions()).toEqual([1, 1]);
  });

  test('that a cut hid after its hello is reported by the next connection', async () => {
    const { server, resets } = await subscribe();
    await (await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    await (await server.nth(2).open(otherLog.hello(1))).cut();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(server.nth(3).headers.get('last-event-id')).toBe('1-aaaa');
    await server.nth(3).open(otherLog.hello(1) + otherLog.reset('other-epoch', {}));
    expect(resets.length).toBe(1);
  });

  test('moves the cursor, so the next connection resumes after it even if nothing was delivered', async () => {
    const { server } = await subscribe({ category: 'account', position: 100 });
    await (await server.nth(1).open(otherLog.hello(9) + otherLog.reset('forgotten', { from: 2, to: 7 }, 8))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('last-event-id')).toBe('7-bbbb');
    expect(server.nth(2).query.position).toBeUndefined();
  });

  test('delivers messages that are left before the position it names, and a heartbeat confirms them', async () => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(9) + log.reset('forgotten', { from: 2, to: 7 }, 8));
    await stream.send(log.poke('account-1', 0, 3) + log.poke('order-1', 0, 9) + log.heartbeat(9, 2));
    expect(positions()).toEqual([3, 9]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 9 });
  });

  test('ends a subscription without a callback for it', async () => {
    const { server, states } = await subscribe({ category: 'account', cursor: '9-dead' }, {}, { onReset: undefined });
    const stream = await server.nth(1).open(log.hello(1) + log.reset('other-epoch', { from: 10 }));
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'RESET', why: { details: { reason: 'other-epoch' } } });
  });
});

describe('an end', () => {
  test('is the result of a permanent refusal', async () => {
    const { server, states } = await subscribe({ category: 'account-1' });
    await server.nth(1).refuse(400, 'INVALID_REQUEST');
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'INVALID_REQUEST' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests.length).toBe(1);
  });

  test('is the result of a deleted namespace', async () => {
    const { server, states } = await subscribe();
    await server.nth(1).open(log.hello(0, 0) + log.end('namespace-deleted'));
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'NAMESPACE_DELETED' });
  });

  test('by close aborts the request and reports nothing more', async () => {
    const { server, subscription, states, pokes } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    subscription.close();
    await settle();
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'CLOSED' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests.length).toBe(1);
    expect(pokes).toEqual([]);
  });

  test('from within a callback delivers no further poke', async () => {
    const onPoke = vi.fn(() => subscription.close());
    const { server, subscription } = await subscribe({ all: true }, {}, { onPoke });
    await server.nth(1).open(log.hello(0, 0) + log.poke('a', 0, 1) + log.poke('a', 1, 2));
    expect(onPoke).toHaveBeenCalledTimes(1);
  });
});

describe('a browser', () => {
  test('that is online again does not wait for its next attempt', async () => {
    const online = new EventTarget();
    vi.stubGlobal('addEventListener', online.addEventListener.bind(online));
    vi.stubGlobal('removeEventListener', online.removeEventListener.bind(online));
    const { server } = await subscribe({ all: true }, { retry: { minMs: 20_000 } });
    await server.nth(1).fail();
    online.dispatchEvent(new Event('online'));
    await settle();
    expect(server.requests.length).toBe(2);
    vi.unstubAllGlobals();
  });

  test('that slept gives up its dead connection as soon as it is visible', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('document', page);
    const { server } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    vi.setSystemTime(Date.now() + 3_600_000);
    page.dispatchEvent(new Event('visibilitychange'));
    await settle();
    expect(stream.isAborted).toBe(true);
    vi.unstubAllGlobals();
  });
});
