import { expect, test } from 'vitest';
import { Completeness } from '../../src/client/completeness.ts';

const poke = (globalPosition: number) => ({ stream: 'a-1', position: globalPosition - 1, globalPosition });

function begun(behind: number | undefined): Completeness {
  const completeness = new Completeness();
  completeness.begin(behind);
  return completeness;
}

test('Everything is delivered up to a head that is not above the last poke, nor above the start.', () => {
  const completeness = begun(10);
  expect(completeness.isComplete(10, 0)).toBe(true);
  expect(completeness.isComplete(11, 0)).toBe(false);
  expect(completeness.poke(poke(11))).toBe(true);
  expect(completeness.isComplete(11, 1)).toBe(true);
});

test('If the start is unknown, the first head is used.', () => {
  const completeness = begun(undefined);
  expect(completeness.isComplete(57, 0)).toBe(true);
  expect(completeness.isComplete(58, 0)).toBe(false);
});

test('Nothing is proved while the server has sent more pokes than arrived.', () => {
  const completeness = begun(0);
  completeness.poke(poke(1));
  completeness.poke(poke(3));
  expect(completeness.isComplete(3, 3)).toBe(false);
  expect(completeness.isComplete(3, 2)).toBe(true);
});

test('Each connection counts its own pokes.', () => {
  const completeness = begun(0);
  completeness.poke(poke(1));
  completeness.begin(1);
  completeness.poke(poke(2));
  expect(completeness.isComplete(2, 1)).toBe(true);
});

test('A poke repeated on its connection neither counts nor is delivered.', () => {
  const completeness = begun(0);
  completeness.poke(poke(1));
  expect(completeness.poke(poke(1))).toBeUndefined();
  expect(completeness.isComplete(1, 1)).toBe(true);
});

test('A poke repeated on a later connection counts there and is not delivered.', () => {
  const completeness = begun(0);
  completeness.poke(poke(2));
  completeness.begin(0);
  expect(completeness.poke(poke(1))).toBe(true);
  expect(completeness.poke(poke(2))).toBe(false);
  expect(completeness.isComplete(2, 2)).toBe(true);
});

test('A conflated poke that ends with a delivered message is delivered, because it also stands for earlier ones.', () => {
  const completeness = begun(0);
  completeness.poke(poke(3));
  completeness.begin(0);
  expect(completeness.poke({ ...poke(3), from: 0, count: 3 })).toBe(true);
});

test('After ten thousand pokes without a proof a loss delivers some twice, and loses none.', () => {
  const completeness = begun(0);
  for (let at = 1; at <= 10_001; at++) completeness.poke(poke(at));
  completeness.begin(0);
  expect([completeness.poke(poke(10_000)), completeness.poke(poke(10_001))]).toEqual([false, true]);
});

test('The pokes of a connection need a confirmation until a heartbeat proves them, or a connection repeats them.', () => {
  const completeness = begun(0);
  const seen = [completeness.isOpen];
  completeness.poke(poke(1));
  seen.push(completeness.isOpen);
  completeness.isComplete(1, 1);
  seen.push(completeness.isOpen);
  completeness.poke(poke(2));
  completeness.begin(1);
  completeness.poke(poke(2));
  seen.push(completeness.isOpen);
  completeness.isComplete(3, 2);
  seen.push(completeness.isOpen);
  expect(seen).toEqual([false, true, false, false, true]);
});

test('More than ten thousand pokes without a proof are not requested again.', () => {
  const completeness = begun(0);
  for (let at = 1; at <= 10_000; at++) completeness.poke(poke(at));
  expect(completeness.isOpen).toBe(true);
  completeness.poke(poke(10_001));
  expect(completeness.isOpen).toBe(false);
});

test('Nothing of another log counts as delivered.', () => {
  const completeness = begun(0);
  completeness.poke(poke(1));
  completeness.forget();
  completeness.begin(0);
  expect(completeness.poke(poke(1))).toBe(true);
});
