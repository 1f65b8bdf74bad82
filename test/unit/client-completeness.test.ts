import { expect, test } from 'vitest';
import { Completeness } from '../../src/client/completeness.ts';

const poke = (stream: string, position: number, globalPosition: number) => ({ stream, position, globalPosition });

function begun(behind: number | undefined): Completeness {
  const book = new Completeness();
  book.begin(behind);
  return book;
}

test('Everything is delivered up to a head that is not above the last poke, nor above the beginning.', () => {
  const book = begun(10);
  expect(book.isComplete(10)).toBe(true);
  expect(book.isComplete(11)).toBe(false);
  expect(book.poke(poke('a-1', 0, 11))).toBe('next');
  expect(book.isComplete(11)).toBe(true);
});

test('Where the beginning is not known the first head is it.', () => {
  const book = begun(undefined);
  expect(book.isComplete(57)).toBe(true);
  expect(book.isComplete(58)).toBe(false);
});

test('A conflated poke continues its stream by its first position.', () => {
  const book = begun(0);
  book.poke(poke('a-1', 0, 1));
  expect(book.poke({ ...poke('a-1', 9, 30), from: 1, count: 9 })).toBe('next');
});

test('A gap that comes again is the log’s own, and after three of them gaps are normal.', () => {
  const book = begun(0);
  book.poke(poke('a-1', 0, 1));
  for (const [position, globalPosition] of [
    [2, 3],
    [4, 5],
    [6, 7],
  ] as const) {
    expect(book.poke(poke('a-1', position, globalPosition))).toBe('gap');
    book.begin(globalPosition - 1);
    expect(book.poke(poke('a-1', position, globalPosition))).toBe('next');
  }
  expect(book.poke(poke('a-1', 8, 9))).toBe('next');
});

test('Only so many streams are remembered: the one that was told of longest ago is forgotten.', () => {
  const book = begun(0);
  for (let n = 0; n <= 1_000; n++) book.poke(poke(`a-${n}`, 0, n + 1));
  expect(book.poke(poke('a-0', 5, 2_000))).toBe('next');
  expect(book.poke(poke('a-1000', 5, 2_001))).toBe('gap');
});
