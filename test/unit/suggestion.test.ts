import { expect, test } from 'vitest';
import { didYouMean } from '../../src/suggestion.ts';

const known = ['append', 'read', 'tail', 'streams', 'max-subscriptions', 'max-selectors'];

test.each([
  ['apend', 'append'],
  ['raed', 'read'],
  ['stream', 'streams'],
  ['max-subscripton', 'max-subscriptions'],
])('For %s it proposes %s.', (word, near) => {
  expect(didYouMean(word, known)).toBe(`; did you mean ${near}?`);
});

test.each(['', 'x', 'toast', 'nothing-like-it', 'x'.repeat(10_000)])('For %j it proposes nothing.', (word) => {
  expect(didYouMean(word, known)).toBe('');
});
