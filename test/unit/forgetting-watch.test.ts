import { expect, test } from 'vitest';
import { ForgettingWatch } from '../../src/hub/forgetting-watch.ts';
import { everything, selectionOf } from '../support/fake-messages.ts';

const ofA = selectionOf({ categories: ['a'] });

test('A deleted range that approaches a cursor yields a prediction; one that does not move yields none.', async () => {
  let forgotten = 100;
  const watch = new ForgettingWatch(async (selection) => (selection === ofA ? 0 : forgotten));
  const behind = [
    { cursor: 1_100, selection: everything },
    { cursor: 300, selection: ofA },
  ];
  await watch.look(behind, 0);
  expect(watch.secondsLeft).toBe(Number.POSITIVE_INFINITY);
  forgotten = 600;
  await watch.look(behind, 5_000);
  expect(watch.secondsLeft).toBe(5);
  forgotten = 1_200;
  await watch.look(behind, 10_000);
  expect(watch.secondsLeft).toBe(0);
  await watch.look([], 11_000);
  expect(watch.secondsLeft).toBe(Number.POSITIVE_INFINITY);
});

test('Of many subscriptions that are behind, it reads the bounds of the eight furthest behind.', async () => {
  let reads = 0;
  const watch = new ForgettingWatch(async () => reads++);
  const behind = Array.from({ length: 100 }, (_value, cursor) => ({ cursor, selection: everything }));
  await watch.look(behind, 0);
  expect(reads).toBe(8);
});
