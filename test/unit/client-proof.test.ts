import { describe, expect, test, vi } from 'vitest';
import { framesOf, useFakeClock } from './scripted-server.ts';
import { subscribe } from './scripted-subscription.ts';

const log = framesOf('aaaa-1111');

useFakeClock();

describe('completeness', () => {
  test('is never claimed for a lost poke, which is fetched automatically', async () => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1));
    await stream.send(log.heartbeat(2, 2));
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'POKE_LOST' } });
    await vi.advanceTimersByTimeAsync(250);
    const again = server.nth(2);
    expect(again.headers.get('last-event-id')).toBe('0-aaaa');
    await again.open(log.hello(2, 0) + log.poke('account-1', 0, 1) + log.poke('account-1', 1, 2) + log.heartbeat(2, 2));
    expect(positions()).toEqual([1, 2]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2 });
  });

  test('is never claimed beyond a lost poke that others followed, which is fetched after the last proof', async () => {
    const { server, states, positions, subscription } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1));
    await stream.send(log.poke('account-3', 0, 3) + log.heartbeat(3, 3));
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'POKE_LOST' } });
    expect(subscription.position).toBe(1);
    await vi.advanceTimersByTimeAsync(250);
    const again = server.nth(2);
    expect(again.headers.get('last-event-id')).toBe('1-aaaa');
    await again.open(log.hello(3, 1) + log.poke('account-2', 0, 2) + log.poke('account-3', 0, 3) + log.heartbeat(3, 2));
    expect(positions()).toEqual([1, 3, 2]);
    const claims = states.flatMap((state) => (state.name === 'live' ? [state.completeUpTo] : []));
    expect(claims).toEqual([1, 3]);
  });

  test('is reached after a cut during the repeated pokes', async () => {
    const { server, states, positions } = await subscribe();
    await server.nth(1).open(log.hello(3, 0) + log.poke('account-3', 0, 3) + log.heartbeat(3, 3));
    await vi.advanceTimersByTimeAsync(250);
    await (await server.nth(2).open(log.hello(3, 0) + log.poke('account-1', 0, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    const last = server.nth(3);
    expect(last.headers.get('last-event-id')).toBe('0-aaaa');
    const first = log.poke('account-1', 0, 1) + log.poke('account-2', 0, 2);
    await last.open(log.hello(3, 0) + first + log.poke('account-3', 0, 3) + log.heartbeat(3, 3));
    expect(positions()).toEqual([3, 1, 2]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 3 });
  });

  test('is not claimed when one poke is lost and another one arrives twice', async () => {
    const { server, states } = await subscribe();
    const once = log.poke('account-1', 0, 1);
    await server.nth(1).open(log.hello(2, 0) + once + once + log.heartbeat(1, 2));
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'POKE_LOST' } });
  });

  test('does not depend on stream positions, in which an import leaves gaps', async () => {
    const { server, states, positions } = await subscribe();
    const pokes = log.poke('account-1', 0, 1) + log.poke('account-1', 7, 9);
    await server.nth(1).open(log.hello(9, 0) + pokes + log.heartbeat(9, 2));
    expect(positions()).toEqual([1, 9]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 9 });
  });

  test('drops a poke that was delivered before', async () => {
    const { server, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1));
    await stream.send(log.poke('account-1', 0, 1));
    expect(positions()).toEqual([1]);
  });

  test('counts from the start of the subscription', async () => {
    const { server, states } = await subscribe({ category: 'account', position: 100 });
    await server.nth(1).open(log.hello(120, 99) + log.heartbeat(57, 0, 120));
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 57 });
  });
});
