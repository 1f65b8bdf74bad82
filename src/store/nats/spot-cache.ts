import type { Spot } from './log-stream.ts';

/** Maximum number of streams whose last spot is cached; about 20 MB with typical names. */
const maxSpots = 50_000;

/** Caches the spots of streams' last messages. An append by another node makes an entry stale; the server then refuses the write. */
export class SpotCache {
  /** By subject, least recently used first. */
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
