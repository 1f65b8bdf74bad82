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

/** Maximum number of members of a crowd that are served in one turn of the event loop. A write to a socket takes about 5 µs. */
export const membersPerTurn = 256;

/**
 * Calls `serve` for each member of a crowd: for the first ones at once, for the others in further turns of the event
 * loop, so that no turn writes to thousands of sockets. By then a member may have changed or left, so `serve` must check it again.
 */
export async function serveInTurns<T>(crowd: readonly T[], serve: (member: T) => void): Promise<void> {
  for (const [index, member] of crowd.entries()) {
    if (index > 0 && index % membersPerTurn === 0) await ownTurn();
    serve(member);
  }
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
