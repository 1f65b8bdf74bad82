import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PokeWindow } from '../../src/hub/poke-window.ts';
import { selects } from '../../src/message/selection.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { fewStreams, selections } from '../support/arbitraries.ts';
import { pokeOf, pokePool } from '../support/fake-messages.ts';

const id = newLogId();
const pushes = fc.array(
  fc.record({
    stream: fewStreams,
    position: fc.nat({ max: 8 }),
    /** Unused global positions before it. */
    gap: fc.nat({ max: 3 }),
    /** The window's limit from then on. */
    maxLength: fc.integer({ min: 1, max: 200 }),
  }),
  { maxLength: 200, size: 'max' },
);

test('A page of the window equals a filter over the last pokes, from any cursor, or the window begins later.', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 5 }),
      pushes,
      selections,
      fc.nat({ max: 1_000 }),
      fc.integer({ min: 1, max: 100 }),
      (begin, pushes, selection, cursor, limit) => {
        const pool = pokePool();
        const window = new PokeWindow(begin);
        let kept: { stream: string; position: number; globalPosition: number }[] = [];
        let head = begin;
        let after = begin;
        for (const { stream, position, gap, maxLength } of pushes) {
          head += 1 + gap;
          window.push(pokeOf(stream, position, head), maxLength);
          kept.push({ stream, position, globalPosition: head });
          if (kept.length > maxLength) after = kept.at(-maxLength - 1)!.globalPosition;
          kept = kept.slice(-maxLength);
        }
        const from = cursor % (head + 2);
        expect([window.length, window.after]).toEqual([kept.length, after]);
        const page = window.read(selection, from, limit, pool, { id, head });
        expect(page === undefined).toBe(from < after);
        if (page === undefined) return;
        const behind = kept.filter(({ globalPosition }) => globalPosition > from);
        const selected = behind.filter(({ stream, position }) =>
          selects(selection, pokeOf(stream, 0, 0).stream, position),
        );
        const expected = selected.slice(0, limit);
        expect(
          page.pokes.map(({ stream, position, globalPosition }) => ({
            stream: stream.text,
            position,
            globalPosition,
          })),
        ).toEqual(expected);
        // Nothing selected lies between the page and the next one, which starts after `upTo`.
        const missed = selected.filter(({ globalPosition }) => globalPosition <= page.upTo).length;
        expect(missed).toBe(expected.length);
        expect(page.upTo).toBeGreaterThanOrEqual(from);
        if (page.atEnd) expect(page.upTo).toBe(Math.max(from, head));
        expect(page.atEnd || page.upTo > from).toBe(true);
        page.release();
        expect(pool.stats.leased).toBe(0);
      },
    ),
  );
});

test('A window without selected pokes is read in bounded pieces to its end.', () => {
  const window = new PokeWindow(0);
  for (let n = 1; n <= 20_000; n++) window.push(pokeOf('a-1', n, n), 20_000);
  const pool = pokePool();
  const none = { all: false, streams: ['b-1'], categories: [], group: null, fromPosition: 0 };
  const ends: number[] = [];
  for (let from = 0; from < 20_000; ) {
    const page = window.read(none, from, 512, pool, { id, head: 20_000 })!;
    from = page.upTo;
    ends.push(from);
  }
  expect(ends).toEqual([8_192, 16_384, 20_000]);
});
