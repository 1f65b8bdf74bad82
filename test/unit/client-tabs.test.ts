import { expect, test } from 'vitest';
import { ClientError } from '../../src/client/client-error.ts';
import type { State } from '../../src/client/state.ts';
import { isSelected, portable, rebuilt, unionOf } from '../../src/client/tab-message.ts';

test('Tabs select together what each of them selects, once and in one order.', () => {
  const union = unionOf([{ stream: ['b-1', 'a-1'] }, { category: ['c'] }, { stream: ['a-1'] }]);
  expect(union).toEqual({ stream: ['a-1', 'b-1'], category: ['c'] });
  expect(unionOf([{ category: ['c'] }, { all: true }])).toEqual({ all: true });
});

test('More streams than a subscription may name become their categories, and more of these become everything.', () => {
  const streams = Array.from({ length: 101 }, (_, n) => `account-${n}`);
  expect(unionOf([{ stream: streams }, { category: ['order'] }])).toEqual({ category: ['account', 'order'] });
  expect(unionOf([{ stream: streams.map((name, n) => `${n}${name}`) }])).toEqual({ all: true });
});

test('A tab is told of the streams that it selects, and of no other.', () => {
  const selectors = { stream: ['account-1'], category: ['order'] };
  expect(['account-1', 'account-2', 'order', 'order-1', 'orders-1'].map((name) => isSelected(selectors, name))).toEqual(
    [true, false, true, true, false],
  );
  expect(isSelected({ all: true }, 'any')).toBe(true);
});

test('A state is the same behind the way from tab to tab, its error too.', () => {
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
