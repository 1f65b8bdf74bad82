import { statfsSync } from 'node:fs';

/** How often the free space is looked at, milliseconds. */
const lookEveryMs = 1_000;

/**
 * Whether the disk has less free than a reserve. On a disk that is really full SQLite can neither delete nor write its log
 * back, so appends are refused before, while there is still room to free some.
 */
export class DiskWatch {
  readonly #folder: string;
  readonly #reserveBytes: number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #isFull = false;

  constructor(folder: string, reserveBytes: number) {
    this.#folder = folder;
    this.#reserveBytes = reserveBytes;
  }

  get isFull(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < lookEveryMs) return this.#isFull;
    this.#lookedAtMs = nowMs;
    const { bavail, bsize } = statfsSync(this.#folder);
    this.#isFull = bavail * bsize < this.#reserveBytes;
    return this.#isFull;
  }

  /** A write found no room, whatever was seen: a quota, or a limit of the process. It is looked at again later. */
  foundFull(): void {
    this.#lookedAtMs = performance.now();
    this.#isFull = true;
  }
}
