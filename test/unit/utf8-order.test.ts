import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareUtf8 } from '../../src/store/shared/utf8-order.ts';
import { nameText } from '../support/arbitraries.ts';

describe('the order of names', () => {
  test.each([
    ['\uffee', '😀', 'a character of the first plane stands before one of a higher plane'],
    ['\ue000', '\u{10000}', 'a private character stands before one of a higher plane'],
    ['\ud7ff', '\ue000', 'the last character before the surrogates stands before the first one behind them'],
    ['\uf83d\ufe00', '😀', 'two characters do not count as the two halves of another'],
    ['a', 'a-1', 'a name stands before those it begins'],
    ['Z', 'a', 'upper case stands before lower case'],
  ])('puts %j before %j: %s', (a, b) => {
    expect([Math.sign(compareUtf8(a, b)), Math.sign(compareUtf8(b, a))]).toEqual([-1, 1]);
  });

  test('is that of the UTF-8 bytes for any two names', () => {
    fc.assert(
      fc.property(nameText, nameText, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 1_000 },
    );
  });
});
