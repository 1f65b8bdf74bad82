import type { GroupChange, GroupChanges } from '../group-store.ts';
import { Followers } from './followers.ts';

/** Number of changes remembered. For an older revision, everything may have changed. */
const maxChanges = 1_024;

/** Keys written recently, for a store that only this process writes to. */
export class ChangedKeys {
  readonly #followers = new Followers();
  /** Keys of the last changes that are not quiet, oldest first; the last one has revision `#revision`. */
  #keys: string[] = [];
  #revision = 0;

  /** Records successful changes and notifies followers. `outcomes`: undefined where a change lost. */
  note(changes: readonly GroupChange[], outcomes: readonly (number | undefined)[]): void {
    const heard = changes.filter(({ isQuiet }, at) => !isQuiet && outcomes[at] !== undefined);
    if (heard.length === 0) return;
    this.#revision += heard.length;
    for (const { key } of heard) this.#keys.push(key);
    if (this.#keys.length > maxChanges * 2) this.#keys = this.#keys.slice(-maxChanges);
    this.#followers.notify();
  }

  since(revision: number | undefined): Omit<GroupChanges, 'records'> {
    const count = this.#revision - (revision ?? this.#revision);
    const isKnown = count >= 0 && count <= this.#keys.length;
    const keys = isKnown ? [...new Set(this.#keys.slice(this.#keys.length - count))] : 'all';
    return { revision: this.#revision, keys };
  }

  follow(changed: () => void): () => void {
    return this.#followers.follow(changed);
  }

  stop(): void {
    this.#followers.clear();
  }
}
