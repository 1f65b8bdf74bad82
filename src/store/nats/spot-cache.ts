import type { Spot } from './log-stream.ts';

/** Streams whose last spot is remembered; some 20 MB of names of usual length. */
const maxSpots = 50_000;

/** Where the last messages of streams stand, as this node knows. What others append makes it wrong, and the server says so. */
export class SpotCache {
  /** By subject, the one used last behind. */
  readonly #spots = new Map<string, Spot>();

  get(subject: string): Spot | undefined {
    const spot = this.#spots.get(subject);
    if (spot === undefined) return undefined;
    this.#spots.delete(subject);
    this.#spots.set(subject, spot);
    return spot;
  }

  set(subject: string, spot: Spot): void {
    this.#spots.delete(subject);
    this.#spots.set(subject, spot);
    if (this.#spots.size <= maxSpots) return;
    const [oldest] = this.#spots.keys();
    this.#spots.delete(oldest!);
  }

  delete(subject: string): void {
    this.#spots.delete(subject);
  }
}
