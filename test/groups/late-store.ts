import type { GroupChange, GroupChanges, GroupRecord, GroupStore } from '../../src/store/group-store.ts';
import type { Actor, Timeline } from './timeline.ts';

const timeoutMs = 3_000;

/** A node's access to the store: requests and answers are late or lost; in the latter case the change was made. */
export class LateStore implements GroupStore {
  readonly sharedBy = 'nodes';
  isCut = false;
  readonly #store: GroupStore;
  readonly #time: Timeline;
  readonly #actor: Actor;

  constructor(store: GroupStore, time: Timeline, actor: Actor) {
    this.#store = store;
    this.#time = time;
    this.#actor = actor;
  }

  read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    return this.#call(() => this.#store.read(keys));
  }

  write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    return this.#call(() => this.#store.write(changes));
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]> {
    return this.#call(() => this.#store.list(prefix, after, limit));
  }

  changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges> {
    return this.#call(() => this.#store.changesSince(revision, prefix));
  }

  follow(): () => void {
    return () => {};
  }

  #call<T>(ask: () => Promise<T>): Promise<T> {
    const time = this.#time;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let isAnswered = false;
    time.after(timeoutMs / this.#actor.rate, this.#actor, () => {
      if (!isAnswered) reject(new Error('the store did not answer in time'));
    });
    const latency = time.latency();
    if (this.isCut && time.random.chance(0.7)) return promise;
    time.after(latency, undefined, () => {
      if (this.isCut && time.random.chance(0.5)) return;
      const asked = ask();
      if (this.isCut) return;
      time.after(time.latency(), this.#actor, () => {
        isAnswered = true;
        resolve(asked);
      });
    });
    return promise;
  }
}
