import type { Poke } from '../../message/poke.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { Announced, PushedPage } from '../log.ts';
import type { LogId } from '../log-id.ts';

/** Messages appended in one call, with the positions of the last one. */
export type Appended = {
  readonly stream: string;
  readonly count: number;
  readonly position: number;
  readonly globalPosition: number;
};

type Gathered = { after: number; upTo: number; readonly pokes: Poke[]; isBroken: boolean };

/**
 * Announces the writer's answers to followers. Appends of one batch of answers form one page; if they are not
 * contiguous, followers are only notified to read.
 */
export class Announcer {
  readonly #pokes: ObjectPool<Poke>;
  readonly #followers = new Map<LogId, Set<Announced>>();
  readonly #gathered = new Map<LogId, Gathered>();

  constructor(pokes: ObjectPool<Poke>) {
    this.#pokes = pokes;
  }

  follow(id: LogId, announced: Announced): () => void {
    const followers = this.#followers.getOrInsertComputed(id, () => new Set());
    const follower: Announced = (announcement) => announced(announcement);
    followers.add(follower);
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(id) === followers) this.#followers.delete(id);
    };
  }

  /** Collects an append until {@link flush}. */
  appended(id: LogId, { stream, count, position, globalPosition }: Appended): void {
    if (!this.#followers.has(id)) return;
    const first = globalPosition - count + 1;
    const gathered = this.#gathered.getOrInsertComputed(id, () => ({
      after: first - 1,
      upTo: first - 1,
      pokes: [],
      isBroken: false,
    }));
    if (gathered.upTo !== first - 1) gathered.isBroken = true;
    gathered.upTo = globalPosition;
    if (gathered.isBroken) return;
    const name = new StreamName(stream);
    const nowMs = performance.now();
    for (let at = 1; at <= count; at++) {
      gathered.pokes.push(this.#pokes.acquire().set(name, position - count + at, globalPosition - count + at, nowMs));
    }
  }

  /** Announces everything collected. */
  flush(): void {
    for (const [id, { after, upTo, pokes, isBroken }] of this.#gathered) {
      const page: PushedPage = { epoch: id, after, upTo, pokes };
      for (const announced of this.#followers.get(id) ?? []) announced(isBroken ? 'wake-up' : page);
      for (const poke of pokes) this.#pokes.release(poke);
    }
    this.#gathered.clear();
  }

  /** Notifies the followers of a log to read. */
  wake(id: LogId): void {
    for (const announced of this.#followers.get(id) ?? []) announced('wake-up');
  }

  stop(): void {
    this.#followers.clear();
  }
}
