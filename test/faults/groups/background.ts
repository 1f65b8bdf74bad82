import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../support/random.ts';

const leastMs = 500;

/** What goes on for a while beside everything else. All of it comes to its end early once healing begins. */
export class Background {
  readonly #running = new Set<Promise<void>>();
  readonly #healing = new AbortController();
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  get isHealing(): boolean {
    return this.#healing.signal.aborted;
  }

  /** Waits so long, or until healing begins. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#healing.signal }).catch(() => {});
  }

  run(work: () => Promise<void>): void {
    const running: Promise<void> = work()
      .catch(this.#failed)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when all that ran has ended. */
  async heal(): Promise<void> {
    this.#healing.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

/** How long something stands still: half a second to the longest time, short times as often as long ones. */
export function drawMs(random: Random, longestMs: number): number {
  return leastMs * Math.exp((random.int(0, 1_000_000) / 1_000_000) * Math.log(longestMs / leastMs));
}
