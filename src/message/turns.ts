import { setImmediate as immediate } from 'node:timers/promises';

/** Work that yields between slices. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Characters that long work processes before it yields: 1 ms or less. */
export const charactersPerTurn = 65_536;

let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * Resolves in an iteration of the event loop that no other caller gets, so that long work of several requests
 * alternates slice by slice.
 */
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

/** Like {@link finish}, but yields to other work at each pause. */
export async function finishInTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await ownTurn();
  }
}
