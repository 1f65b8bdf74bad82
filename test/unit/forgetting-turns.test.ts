import { expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import type { Namespace } from '../../src/store/namespace-store.ts';
import type { Forgotten } from '../../src/store/retention.ts';
import { ForgettingTurns, type SliceBounds } from '../../src/store/shared/retention-rules.ts';

function namespaceOf(id: string): Namespace {
  return { id, uid: id, log: id as LogId, description: '', createdAtMs: 0, tokens: [], retention: [] };
}

/** Namespaces with this many messages too many, each of which takes this long to delete. */
class Excess {
  readonly left: Map<string, number>;
  /** Namespaces in the order in which their pieces were processed. */
  readonly pieces: string[] = [];
  readonly turns: ForgettingTurns;
  #clockMs = 0;

  constructor(left: Record<string, number>, slice: SliceBounds, messageMs: number) {
    this.left = new Map(Object.entries(left));
    this.turns = new ForgettingTurns({
      namespaces: () => [...this.left.keys()].map(namespaceOf).values(),
      initial: { maxMessages: 0 },
      slice,
      forget: ({ id }, _rule, most) => {
        const messages = Math.min(most, this.left.get(id)!);
        this.left.set(id, this.left.get(id)! - messages);
        this.#clockMs += messages * messageMs;
        if (messages > 0) this.pieces.push(id);
        return { messages, bytes: messages * 10 };
      },
      clock: () => this.#clockMs,
    });
  }

  forget(): Forgotten {
    return this.turns.forget(0);
  }
}

const slice = { maxMessages: 100, pieceMessages: 30, maxMs: 5 };

test('A slice deletes as many messages as it may, whatever the pieces, if they take no time.', () => {
  const excess = new Excess({ a: 1_000 }, slice, 0);
  expect(excess.forget()).toEqual({ messages: 100, bytes: 1_000, isDone: false });
});

test('A slice starts no further piece when its time is over.', () => {
  const excess = new Excess({ a: 1_000 }, slice, 0.1);
  expect(excess.forget()).toEqual({ messages: 60, bytes: 600, isDone: false });
});

test('A slice processes one piece however slow it is, so that retention makes progress.', () => {
  const excess = new Excess({ a: 1_000 }, slice, 1_000);
  expect([excess.forget().messages, excess.forget().messages]).toEqual([30, 30]);
});

test('Namespaces alternate piece by piece, within a slice and across slices.', () => {
  const excess = new Excess({ a: 1_000, b: 1_000, c: 1_000 }, slice, 0);
  excess.forget();
  excess.forget();
  // 30 of each alternately, and 10 at the end of each slice.
  expect(excess.pieces.join('')).toBe('abcabcab');
});

test('A slice that deletes the last messages reports in the same call that nothing is left.', () => {
  const excess = new Excess({ a: 40, b: 0 }, slice, 0);
  expect(excess.forget()).toEqual({ messages: 40, bytes: 400, isDone: true });
});

test('Nothing is reported as complete before every namespace was checked after the last deletion.', () => {
  const excess = new Excess({ a: 0, b: 100 }, slice, 0);
  expect(excess.forget().isDone).toBe(false);
  excess.left.set('a', 1);
  expect(excess.forget()).toEqual({ messages: 1, bytes: 10, isDone: true });
});

test('A store without namespaces has nothing to delete.', () => {
  expect(new Excess({}, slice, 0).forget()).toEqual({ messages: 0, bytes: 0, isDone: true });
});
