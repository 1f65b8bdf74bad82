import { statfsSync } from 'node:fs';

/** How often the free space is looked at, milliseconds. */
const lookEveryMs = 1_000;

/**
 * Whether the disk has less free than a reserve. On a disk that is really full SQLite can neither delete nor write its log
 * back, so appends are refused before, while there is still room to free some.
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

  /** A write found no room, whatever was seen: a quota, or a limit of the process. It is looked at again later. */
  foundFull(): void {
    this.#lookedAtMs = performance.now();
    this.#isFull = true;
  }
}

/** What the disk of a folder has free for this user. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
