import type { Selection } from '../message/selection.ts';

/** Subscriptions looked at at once, those furthest behind: each costs a read of bounds. */
const mostLookedAt = 8;

/** What is looked at of a subscription. */
export type Behind = { readonly cursor: number; readonly selection: Selection };

/**
 * Foretells when messages are forgotten that subscriptions which are behind are still to be told: from how fast what is gone
 * of their selection has come nearer since they were first seen behind.
 */
export class ForgettingWatch<Subscriber extends Behind> {
  readonly #forgottenUpTo: (selection: Selection) => Promise<number>;
  /** What was gone, and when, as each was first seen behind. */
  #first = new Map<Subscriber, { readonly upTo: number; readonly atMs: number }>();
  #secondsLeft = Number.POSITIVE_INFINITY;

  constructor(forgottenUpTo: (selection: Selection) => Promise<number>) {
    this.#forgottenUpTo = forgottenUpTo;
  }

  /** Seconds until the first of them misses something; infinite: none will. */
  get secondsLeft(): number {
    return this.#secondsLeft;
  }

  /** Looks at those who are behind. */
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
