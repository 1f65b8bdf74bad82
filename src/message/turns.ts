import { setImmediate as immediate } from 'node:timers/promises';

/** Work that yields between slices. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Characters that long work processes before it yields: 1 ms or less. */
export const charactersPerTurn = 65_536;

let lastTurn: Promise<unknown> = Promise.resolve();

/** Resolves in a turn of the event loop given to no other caller, so that long work of many requests takes turns slice by slice. */
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

/** Like {@link finish}, but gives other work a turn at each pause. */
export async function finishInTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await ownTurn();
  }
}
