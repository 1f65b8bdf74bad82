import { Followers } from './followers.ts';

/** Number of changes remembered. For an older revision, everything may have changed. */
const maxChanges = 1_024;

/** Keys or ids changed recently, for a store that only this process writes to. */
export class ChangedKeys {
  readonly #followers = new Followers();
  /** Keys of the last changes, oldest first; the last one has revision `#revision`. */
  #keys: string[] = [];
  #revision: number;

  constructor(revision = 0) {
    this.#revision = revision;
  }

  /** Records changes and notifies followers. */
  note(keys: readonly string[]): void {
    if (keys.length === 0) return;
    this.#revision += keys.length;
    this.#keys.push(...keys);
    if (this.#keys.length > maxChanges * 2) this.#keys = this.#keys.slice(-maxChanges);
    this.#followers.notify();
  }

  since(revision: number | undefined): { readonly revision: number; readonly keys: readonly string[] | 'all' } {
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
