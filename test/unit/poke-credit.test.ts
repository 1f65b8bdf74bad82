import { expect, test } from 'vitest';
import { PokeCredit } from '../../src/groups/poke-credit.ts';

test('A poke of a message that is acknowledged already is not sent, and costs no credit.', () => {
  const credit = new PokeCredit(2);
  expect([5, 6, 7].map((position) => credit.take(position, 7))).toEqual([false, false, false]);
  expect([8, 9, 10].map((position) => credit.take(position, 7))).toEqual([true, true, false]);
});

test('An acknowledgement gives all credit back, and a checkpoint that is not known changes nothing.', () => {
  const credit = new PokeCredit(1);
  expect(credit.take(1, undefined)).toBe(true);
  expect([credit.take(2, undefined), credit.isUsedUp]).toEqual([false, true]);
  expect([credit.take(3, 1), credit.isUsedUp]).toEqual([true, true]);
  expect(credit.take(4, undefined)).toBe(false);
});
