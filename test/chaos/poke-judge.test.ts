import { expect, test } from 'vitest';
import { kinds } from '../support/nodes/kinds.ts';
import { PokeJudge } from './poke-judge.ts';

const all = kinds.find(({ name }) => name === 'all')!;

/** Judges pokes such as `a-1/0@7`. */
function judge(wish: typeof all, ...places: readonly string[]): PokeJudge {
  const judge = new PokeJudge(wish);
  for (const place of places) {
    const [, stream, position, globalPosition] = /^(.+)\/(\d+)@(\d+)$/.exec(place)!;
    judge.take({ stream: stream!, position: Number(position), globalPosition: Number(globalPosition) });
  }
  return judge;
}

function countsOf({ skipped, doubled, disordered, unwanted }: PokeJudge): number[] {
  return [skipped, doubled, disordered, unwanted];
}

test('Consecutive positions, and global positions that rise with gaps, contain no error.', () => {
  expect(countsOf(judge(all, 'a-1/0@1', 'a-2/0@2', 'a-1/1@5', 'a-2/1@9'))).toEqual([0, 0, 0, 0]);
});

test('A skipped position counts as lost until it arrives, and then as out of order.', () => {
  const positions = ['a-1/0@1', 'a-1/3@4'];
  expect(countsOf(judge(all, ...positions))).toEqual([2, 0, 0, 0]);
  expect(countsOf(judge(all, ...positions, 'a-1/1@2'))).toEqual([1, 0, 1, 0]);
});

test('A repeated position counts as doubled only.', () => {
  expect(countsOf(judge(all, 'a-1/0@1', 'a-1/1@2', 'a-1/1@2'))).toEqual([0, 1, 0, 0]);
});

test('A lower global position counts as out of order, even in another stream.', () => {
  expect(countsOf(judge(all, 'a-1/0@2', 'a-2/0@1'))).toEqual([0, 0, 1, 0]);
});

test('In a log that starts over, the first positions are not duplicates, and earlier losses stay counted.', () => {
  const judged = judge(all, 'a-1/0@1', 'a-1/2@3');
  judged.beginAnew();
  judged.take({ stream: 'a-1', position: 0, globalPosition: 1 });
  expect(countsOf(judged)).toEqual([1, 0, 0, 0]);
});

test('A poke of a stream that was not selected counts as unwanted.', () => {
  const one = kinds.find(({ name }) => name === 'a stream')!;
  const stream = one.selection.streams[0]!;
  expect(countsOf(judge(one, `${stream}/0@1`, 'a-1/0@2'))).toEqual([0, 0, 0, 1]);
});

test('Acknowledged messages that were not delivered count as missing.', () => {
  const judged = judge(all, 'a-1/0@1', 'a-1/2@3');
  expect(
    judged.lacks(
      new Map([
        ['a-1', 5],
        ['a-2', 1],
      ]),
    ),
  ).toBe(1 + 2 + 1);
});
