import type { Group } from './group.ts';
import { type GroupName, WatchedGroup } from './group-state.ts';
import type { MemberSession } from './member-session.ts';
import { groupKey } from './record-keys.ts';

/** A connection of a member, with its group. */
type Connected = { readonly watched: WatchedGroup; readonly session: MemberSession };

/** The groups that a node watches, and their members' connections to it. */
export class WatchedGroups {
  readonly #groups = new Map<string, WatchedGroup>();
  readonly #connected = new Map<string, Connected>();
  readonly #see: (watched: WatchedGroup, group: Group) => void;

  /** `see`: notes the record of a group whose watching begins or resumes. */
  constructor(see: (watched: WatchedGroup, group: Group) => void) {
    this.#see = see;
  }

  [Symbol.iterator](): Iterator<WatchedGroup> {
    return this.#groups.values();
  }

  get keys(): Iterable<string> {
    return this.#groups.keys();
  }

  /** Keys of the partition records whose owners on this node were notified. */
  get toldKeys(): string[] {
    return [...this.#connected.values()].flatMap(({ session }) => [...session.told.values()].map(({ key }) => key));
  }

  get(key: string): WatchedGroup | undefined {
    return this.#groups.get(key);
  }

  /** Watches a group unless it is watched already. */
  add(name: GroupName, group: Group): WatchedGroup {
    const key = groupKey(name.uid, name.name);
    const watched = this.#groups.getOrInsertComputed(key, () => new WatchedGroup(name, group));
    this.#see(watched, group);
    return watched;
  }

  remove({ key }: WatchedGroup): void {
    this.#groups.delete(key);
  }

  clear(): void {
    this.#groups.clear();
  }

  /** The connection of a session; undefined if it is not on this node. */
  connected(session: string): Connected | undefined {
    return this.#connected.get(session);
  }

  connect(watched: WatchedGroup, session: MemberSession): void {
    watched.sessions.set(session.session, session);
    this.#connected.set(session.session, { watched, session });
  }

  /** Drops a connection. A later one of the same session stays. */
  disconnect(watched: WatchedGroup, session: MemberSession): void {
    watched.sessions.delete(session.session);
    if (this.#connected.get(session.session)?.session === session) this.#connected.delete(session.session);
  }
}
