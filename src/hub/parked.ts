import type { Subscription } from './subscription.ts';

/** Subscriptions at or ahead of the head, waiting until the log is flushed up to their position. */
export class Parked {
  readonly #subscriptions = new Set<Subscription>();
  /** Lowest position of any parked subscription. */
  #lowest = Number.POSITIVE_INFINITY;

  add(subscription: Subscription): void {
    this.#subscriptions.add(subscription);
    this.#lowest = Math.min(this.#lowest, subscription.readFrom);
  }

  delete(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
  }

  /** Removes and returns up to `most` subscriptions that have read no further than `upTo`. */
  take(upTo: number, most: number): Subscription[] {
    const taken: Subscription[] = [];
    if (this.#lowest > upTo) return taken;
    this.#lowest = Number.POSITIVE_INFINITY;
    for (const subscription of this.#subscriptions) {
      const { readFrom } = subscription;
      if (readFrom <= upTo && taken.length < most) {
        this.#subscriptions.delete(subscription);
        taken.push(subscription);
      } else this.#lowest = Math.min(this.#lowest, readFrom);
    }
    return taken;
  }
}
