import { setImmediate as immediate } from 'node:timers/promises';

/** Work that pauses now and then. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Characters that long work looks at before it pauses: 1 ms or less. */
export const charactersPerTurn = 65_536;

let lastTurn: Promise<unknown> = Promise.resolve();

/** Resolves in a turn of the event loop that no other caller has: long work of many requests takes turns, one slice each. */
export function ownTurn(): Promise<unknown> {
  lastTurn = lastTurn.then(() => immediate());
  return lastTurn;
}

export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** As {@link finish}; other work has its turns at each pause. */
export async function finishInTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await ownTurn();
  }
}
