import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Poke } from '../../src/client/client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import type { Selectors } from '../../src/client/selection.ts';
import type { Open } from '../../src/client/share.ts';
import type { State } from '../../src/client/state.ts';
import { TabLeader } from '../../src/client/tab-leader.ts';
import { isSelected, portable, rebuilt, type TabMessage, unionOf } from '../../src/client/tab-message.ts';
import { acrossTabs } from '../../src/client/tabs.ts';
import { settle, useFakeClock } from './scripted-server.ts';

test('Tabs together select the union of their selections, without duplicates and in one order.', () => {
  const union = unionOf([{ stream: ['b-1', 'a-1'] }, { category: ['c'] }, { stream: ['a-1'] }]);
  expect(union).toEqual({ stream: ['a-1', 'b-1'], category: ['c'] });
  expect(unionOf([{ category: ['c'] }, { all: true }])).toEqual({ all: true });
});

test('More streams than a subscription may name become their categories, and more of these become everything.', () => {
  const streams = Array.from({ length: 101 }, (_, n) => `account-${n}`);
  expect(unionOf([{ stream: streams }, { category: ['order'] }])).toEqual({ category: ['account', 'order'] });
  expect(unionOf([{ stream: streams.map((name, n) => `${n}${name}`) }])).toEqual({ all: true });
});

test('A tab receives pokes of the streams that it selects, and of no other.', () => {
  const selectors = { stream: ['account-1'], category: ['order'] };
  expect(['account-1', 'account-2', 'order', 'order-1', 'orders-1'].map((name) => isSelected(selectors, name))).toEqual(
    [true, false, true, true, false],
  );
  expect(isSelected({ all: true }, 'any')).toBe(true);
});

test('A state is unchanged by the transfer between tabs, including its error.', () => {
  const why = new ClientError('HTTP_503', 'no', { status: 503, retryAfterMs: 2_000, details: { reasons: ['memory'] } });
  const states: State[] = [
    { name: 'connecting' },
    { name: 'live', completeUpTo: 7, since: new Date(5), isBuffered: false },
    { name: 'away', nextTryAt: new Date(9), why },
    { name: 'ended', code: 'HTTP_503', why },
    { name: 'ended', code: 'CLOSED', why: undefined },
  ];
  for (const state of states) {
    const arrived = rebuilt(structuredClone(portable(state)));
    expect(arrived).toEqual(state);
    if (arrived.name === 'away') expect(arrived.why).toMatchObject({ ...why });
  }
});

describe('the leader of tabs', () => {
  useFakeClock();

  /** A leader, the selections of its connections, and functions to act as a tab. */
  function lead() {
    const selected: Selectors[] = [];
    const open: Open = (selectors) => {
      selected.push(selectors);
      const closed = { close: () => {}, [Symbol.dispose]: () => {} };
      return { state: { name: 'connecting' }, cursor: '1', position: 1, epoch: 'e', ...closed };
    };
    const leader = new TabLeader('leader', open, () => {});
    const want = (tab: string, stream: string) =>
      leader.receive({ type: 'want', tab, version: 1, selectors: { stream: [stream] }, place: undefined });
    const minute = async (...tabs: string[]) => {
      for (let pings = 0; pings < 60; pings++) leader.ping();
      for (const tab of tabs) leader.receive({ type: 'here', tab });
      await vi.advanceTimersByTimeAsync(50);
    };
    return { selected, leader, want, minute };
  }

  test('drops the selection of a tab that has not answered for a minute, as after a crash', async () => {
    const { selected, want, minute } = lead();
    want('a', 'account-1');
    want('b', 'account-2');
    await minute('a');
    await minute('a');
    expect(selected).toEqual([{ stream: ['account-1', 'account-2'] }, { stream: ['account-1'] }]);
  });

  test('serves a bounded number of tabs, and the next one when another has left', async () => {
    const { selected, leader, want } = lead();
    for (let tab = 0; tab < 1_000; tab++) want(`tab ${tab}`, 'account-1');
    want('one too many', 'account-2');
    await vi.advanceTimersByTimeAsync(50);
    leader.receive({ type: 'leave', tab: 'tab 0' });
    want('one too many', 'account-2');
    await vi.advanceTimersByTimeAsync(50);
    expect(selected).toEqual([{ stream: ['account-1'] }, { stream: ['account-1', 'account-2'] }]);
  });
});

describe('a tab that another one leads', () => {
  useFakeClock();
  afterEach(() => vi.unstubAllGlobals());

  /** A subscribed tab, its messages, and functions to act as its leader. */
  async function join() {
    const sent: TabMessage[] = [];
    let receive: (message: { data: TabMessage }) => void = () => {};
    class Channel {
      set onmessage(listener: typeof receive) {
        receive = listener;
      }
      postMessage(message: TabMessage) {
        sent.push(message);
      }
      close() {}
    }
    vi.stubGlobal('BroadcastChannel', Channel);
    vi.stubGlobal('navigator', { locks: { request: () => new Promise(() => {}) } });
    const pokes: Poke[] = [];
    const open: Open = () => {
      throw new Error('not the leader');
    };
    const share = acrossTabs('test');
    const subscription = share(
      open,
      { category: ['account'] },
      { position: 'head' },
      { onPoke: (poke) => pokes.push(poke) },
    );
    const want = () => sent.findLast((message) => message.type === 'want')!;
    let number = 0;
    const place = (position: number) => ({ position, epoch: 'e' });
    const state = (state: State, position: number, covers: Record<string, number>) =>
      receive({ data: { type: 'state', leader: 'l', number: ++number, state, covers, place: place(position) } });
    const covering = () => ({ [want().tab]: want().version });
    const poke = (at: number, isLate = false) => {
      const poke = { stream: 'account-1', position: at, globalPosition: at };
      receive({ data: { type: 'poke', leader: 'l', number: ++number, poke, place: place(at), isLate } });
    };
    const ping = (isCheck: boolean) => receive({ data: { type: 'ping', leader: 'l', number, isCheck } });
    const positions = () => pokes.map(({ globalPosition }) => globalPosition);
    state({ name: 'catching-up' }, 1, covering());
    await settle();
    return { sent, want, state, covering, poke, ping, positions, subscription: subscription! };
  }

  test('answers a check of the leader', async () => {
    const { sent, want, ping } = await join();
    ping(false);
    expect(sent.at(-1)!.type).toBe('want');
    ping(true);
    expect(sent.at(-1)).toEqual({ type: 'here', tab: want().tab });
  });

  test('asks again from its position when the leader considered it closed', async () => {
    const { sent, want, state, poke, covering, positions } = await join();
    poke(2);
    state({ name: 'catching-up' }, 2, { another: 1 });
    expect(sent.at(-1)).toMatchObject({ type: 'want', place: { position: 2 } });
    poke(4);
    state({ name: 'catching-up' }, 2, covering());
    poke(3);
    poke(4);
    expect(positions()).toEqual([2, 3, 4]);
    expect(want().place).toEqual({ position: 2, epoch: 'e' });
  });

  test('receives pokes that the leader had lost and fetched again', async () => {
    const { state, poke, covering, positions } = await join();
    poke(2);
    poke(4);
    const why = new ClientError('POKE_LOST', 'A poke is missing');
    state(portable({ name: 'away', nextTryAt: new Date(0), why }), 2, covering());
    poke(3, true);
    expect(positions()).toEqual([2, 4, 3]);
  });

  test('receives pokes that only a later connection had, and keeps its position', async () => {
    const { want, state, poke, positions } = await join();
    poke(2);
    poke(4);
    poke(3, true);
    poke(4);
    expect(positions()).toEqual([2, 4, 3]);
    state({ name: 'catching-up' }, 4, { another: 1 });
    expect(want().place).toEqual({ position: 4, epoch: 'e' });
  });
});
