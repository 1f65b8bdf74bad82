import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../support/random.ts';

const leastMs = 500;

/** Tasks that run for a while in the background. All of them end early once healing begins. */
export class Background {
  readonly #running = new Set<Promise<void>>();
  readonly #healing = new AbortController();
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Aborts when healing begins. */
  get healing(): AbortSignal {
    return this.#healing.signal;
  }

  /** Waits for this time, or until healing begins. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#healing.signal }).catch(() => {});
  }

  run(work: () => Promise<void>): void {
    const running: Promise<void> = work()
      .catch(this.#failed)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when all tasks have ended. */
  async heal(): Promise<void> {
    this.#healing.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

/** Duration of a freeze: from half a second to the longest time, where short times are as frequent as long ones. */
export function drawMs(random: Random, longestMs: number): number {
  return leastMs * Math.exp((random.int(0, 1_000_000) / 1_000_000) * Math.log(longestMs / leastMs));
}
