import { StreamName } from '../../message/stream-name.ts';
import type { PendingAppend } from './append-judge.ts';

/** Bounds of one group or append, since a transaction blocks others of its categories. */
const maxAppends = 256;
const maxMessages = 2_000;
const maxUnits = 8_388_608;

/**
 * Which appends may share a transaction with this one. After a conflict or lock time-out, only those of its category: a
 * single lock cannot be taken in the wrong order. None, if a payload may have been refused.
 */
export type Company = 'any' | 'category' | 'none';

/** A waiting append, and its deadline. */
export type Waiting = PendingAppend & {
  readonly deadlineMs: number;
  company: Company;
  /** How often another transaction conflicted with it. */
  conflicts: number;
};

/** Appends waiting for a lane, oldest first. Decides which of them share the next transaction. */
export class LaneQueue {
  #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  push(append: Waiting): void {
    this.#waiting.push(append);
  }

  /** Puts appends back to the front of the queue. Those that may share only with their category stay together. */
  giveBack(appends: readonly Waiting[]): void {
    this.#waiting.unshift(...(appends[0]?.company === 'category' ? appends.toSorted(byCategory) : appends));
  }

  /** Removes and returns those whose deadline has passed. */
  takeExpired(nowMs: number): Waiting[] {
    const live = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > nowMs);
    return this.#waiting.splice(0, live === -1 ? this.#waiting.length : live);
  }

  takeAll(): Waiting[] {
    return this.#waiting.splice(0);
  }

  /** Removes and returns the next group; empty only if nothing waits. */
  takeGroup(): Waiting[] {
    let count = 0;
    let messages = 0;
    let units = 0;
    for (const append of this.#waiting) {
      messages += append.messages.length;
      units += append.units;
      const isFull = count === maxAppends || messages > maxMessages || units > maxUnits;
      if (count > 0 && (isFull || !mayShare(this.#waiting[0]!, append))) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}

/** Number of categories in a group, that is of locks. */
export function categoryCount(group: readonly PendingAppend[]): number {
  return new Set(group.map(categoryOf)).size;
}

function mayShare(first: Waiting, other: Waiting): boolean {
  if (first.company !== other.company || first.company === 'none') return false;
  return first.company === 'any' || categoryOf(first) === categoryOf(other);
}

function byCategory(one: Waiting, other: Waiting): number {
  const [a, b] = [categoryOf(one), categoryOf(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function categoryOf({ stream }: PendingAppend): string {
  return new StreamName(stream).category;
}
