import { statfsSync } from 'node:fs';

/** How often to check the free space. */
const lookEveryMs = 1_000;

/**
 * Watches whether the disk has less space free than a reserve. On a full disk SQLite can neither delete nor checkpoint
 * its write-ahead log, so appends are refused earlier, while there is room to free some.
 */
export class DiskWatch {
  readonly #freeBytes: () => number;
  readonly #reserveBytes: number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #isFull = false;

  constructor(freeBytes: () => number, reserveBytes: number) {
    this.#freeBytes = freeBytes;
    this.#reserveBytes = reserveBytes;
  }

  get isFull(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < lookEveryMs) return this.#isFull;
    this.#lookedAtMs = nowMs;
    this.#isFull = this.#freeBytes() < this.#reserveBytes;
    return this.#isFull;
  }

  /** A write failed for lack of room despite free space on disk, because of a quota or process limit. Checked again later. */
  foundFull(): void {
    this.#lookedAtMs = performance.now();
    this.#isFull = true;
  }
}

/** Space free for this user on a folder's disk. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
