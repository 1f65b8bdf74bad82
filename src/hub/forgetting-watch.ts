import type { Selection } from '../message/selection.ts';

/** Maximum number of subscriptions per check, those furthest behind first. Each one costs a read of the log's bounds. */
const mostLookedAt = 8;

/** The part of a subscription that the watch needs. */
export type Behind = { readonly cursor: number; readonly selection: Selection };

/**
 * Predicts when retention will overtake a subscription that is behind. Extrapolates from how fast the deleted range of
 * its selection has grown since the subscription was first seen behind.
 */
export class ForgettingWatch<Subscriber extends Behind> {
  readonly #forgottenUpTo: (selection: Selection) => Promise<number>;
  /** Deleted range and time when each subscription was first seen behind. */
  #first = new Map<Subscriber, { readonly upTo: number; readonly atMs: number }>();
  #secondsLeft = Number.POSITIVE_INFINITY;

  constructor(forgottenUpTo: (selection: Selection) => Promise<number>) {
    this.#forgottenUpTo = forgottenUpTo;
  }

  /** Seconds until the first subscription misses a message; infinite if none will. */
  get secondsLeft(): number {
    return this.#secondsLeft;
  }

  /** Updates the prediction from the subscriptions that are behind. */
  async look(behind: readonly Subscriber[], nowMs: number): Promise<void> {
    const furthest = behind.toSorted((a, b) => a.cursor - b.cursor).slice(0, mostLookedAt);
    const seen = new Map<Subscriber, { readonly upTo: number; readonly atMs: number }>();
    let least = Number.POSITIVE_INFINITY;
    for (const subscriber of furthest) {
      const upTo = await this.#forgottenUpTo(subscriber.selection);
      const first = this.#first.get(subscriber) ?? { upTo, atMs: nowMs };
      seen.set(subscriber, first);
      const perMs = (upTo - first.upTo) / (nowMs - first.atMs);
      if (perMs > 0) least = Math.min(least, Math.max(0, subscriber.cursor - upTo) / perMs / 1_000);
    }
    this.#first = seen;
    this.#secondsLeft = least;
  }
}
