import { expect, test } from 'vitest';
import { PokeCredit } from '../../src/groups/poke-credit.ts';

test('A poke of an acknowledged message is not sent, and costs no credit.', () => {
  const credit = new PokeCredit(2);
  expect([5, 6, 7].map((position) => credit.take(position, 7))).toEqual([false, false, false]);
  expect([8, 9, 10].map((position) => credit.take(position, 7))).toEqual([true, true, false]);
});

test('An acknowledgement restores all credit, and an unknown checkpoint changes nothing.', () => {
  const credit = new PokeCredit(1);
  expect(credit.take(1, undefined)).toBe(true);
  expect([credit.take(2, undefined), credit.isUsedUp]).toEqual([false, true]);
  expect([credit.take(3, 1), credit.isUsedUp]).toEqual([true, true]);
  expect(credit.take(4, undefined)).toBe(false);
});
