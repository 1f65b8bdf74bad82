import type { Subscription } from './subscription.ts';

/** Subscriptions at the head or ahead of it, which wait until the log was flushed as far as they have read. */
export class Parked {
  readonly #subscriptions = new Set<Subscription>();
  /** None has read less far. */
  #lowest = Number.POSITIVE_INFINITY;

  add(subscription: Subscription): void {
    this.#subscriptions.add(subscription);
    this.#lowest = Math.min(this.#lowest, subscription.readFrom);
  }

  delete(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
  }

  /** Takes out those that have read no further than `upTo`, at most so many of them. */
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
