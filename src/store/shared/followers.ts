/** Callbacks to notify of changes, each until the function that `follow` returned is called. */
export class Followers {
  readonly #followers = new Set<() => void>();

  follow(changed: () => void): () => void {
    // A new function each time, because the same callback may be registered twice.
    const follower = () => changed();
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  notify(): void {
    for (const changed of this.#followers) changed();
  }

  clear(): void {
    this.#followers.clear();
  }
}
