import { StreamName } from '../../message/stream-name.ts';
import type { PendingAppend } from './append-judge.ts';

/** Bounds of one group, or one append: a transaction holds up the others of its categories. */
const maxAppends = 256;
const maxMessages = 2_000;
const maxUnits = 8_388_608;

/**
 * With whom an append may share a transaction. After a conflict or a lock that was not to be had only with its category, whose
 * one lock cannot be taken in another order than somebody else's; with nobody when a payload may have been refused.
 */
export type Company = 'any' | 'category' | 'none';

/** A waiting append, and until when it is tried. */
export type Waiting = PendingAppend & {
  readonly deadlineMs: number;
  company: Company;
  /** How often another transaction got in its way. */
  conflicts: number;
};

/** The appends that wait for a lane, oldest first, and which of them share its next transaction. */
export class LaneQueue {
  #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  push(append: Waiting): void {
    this.#waiting.push(append);
  }

  /** Appends that were taken wait again, before all others. Those that may share with their category stand together. */
  giveBack(appends: readonly Waiting[]): void {
    this.#waiting.unshift(...(appends[0]?.company === 'category' ? appends.toSorted(byCategory) : appends));
  }

  /** Takes those whose deadline has passed. */
  takeExpired(nowMs: number): Waiting[] {
    const live = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > nowMs);
    return this.#waiting.splice(0, live === -1 ? this.#waiting.length : live);
  }

  takeAll(): Waiting[] {
    return this.#waiting.splice(0);
  }

  /** Takes the next group; empty only when nothing waits. */
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

/** Number of categories, that is of locks, of a group. */
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
