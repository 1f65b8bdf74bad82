import type { Poke } from '../../message/poke.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { Announced } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { Row } from './lost-end.ts';
import { OwnTimes } from './own-times.ts';
import { isPokable } from './pokable.ts';

/** Followers of a log, and their announcements. */
export class LogFollowers {
  readonly ownTimes = new OwnTimes();
  readonly #epoch: LogId;
  readonly #pokes: ObjectPool<Poke>;
  readonly #followers = new Set<Announced>();
  /** Rows with stream names that no poke can carry. */
  unpokable = 0;

  constructor(epoch: LogId, pokes: ObjectPool<Poke>) {
    this.#epoch = epoch;
    this.#pokes = pokes;
  }

  get count(): number {
    return this.#followers.size;
  }

  add(announced: Announced): () => void {
    const follower: Announced = (announcement) => announced(announcement);
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }

  /** Announces all rows of the log after `after` and up to `upTo`. */
  announce(rows: readonly Row[], after: number, upTo: number): void {
    if (this.#followers.size > 0) {
      const pokes = this.#pokesOf(rows);
      const page = { epoch: this.#epoch, after, upTo, pokes };
      for (const announced of this.#followers) announced(page);
      for (const poke of pokes) this.#pokes.release(poke);
    }
    this.ownTimes.settle(upTo);
  }

  /** Ends a log that was replaced: its followers read once more and find that it is gone. */
  end(): void {
    for (const announced of this.#followers) announced('wake-up');
    this.#followers.clear();
  }

  clear(): void {
    this.#followers.clear();
  }

  #pokesOf(rows: readonly Row[]): Poke[] {
    const pokes: Poke[] = [];
    for (const [globalPosition, stream, position] of rows) {
      if (!isPokable(stream)) {
        this.unpokable++;
        continue;
      }
      const appendedAtMs = this.ownTimes.of(globalPosition);
      pokes.push(this.#pokes.acquire().set(new StreamName(stream), position, globalPosition, appendedAtMs));
    }
    return pokes;
  }
}
