import type { Poke } from '../message/poke.ts';
import type { Audience } from './audience.ts';

/** The audiences of the members of consumer groups of one size. */
type GroupAudiences = { readonly size: number; readonly members: Map<number, Audience[]> };

/** The audiences of one category: those of the whole of it, and those of group members. */
class CategoryAudiences {
  readonly whole: Audience[] = [];
  /** One of each size. A list, because to walk a map makes an iterator for each poke (load/micro/routing.ts). */
  readonly groups: GroupAudiences[] = [];

  get isEmpty(): boolean {
    return this.whole.length === 0 && this.groups.length === 0;
  }

  members(size: number): Map<number, Audience[]> {
    const found = this.groups.find((group) => group.size === size);
    if (found !== undefined) return found.members;
    const members = new Map<number, Audience[]>();
    this.groups.push({ size, members });
    return members;
  }

  removeGroup(size: number): void {
    this.groups.splice(
      this.groups.findIndex((group) => group.size === size),
      1,
    );
  }
}

/** Finds the audiences of a poke by what it is, so that a poke costs what its audiences cost and not how many there are. */
export class AudienceIndex {
  readonly #byKey = new Map<string, Audience>();
  readonly #all: Audience[] = [];
  readonly #byStream = new Map<string, Audience[]>();
  readonly #byCategory = new Map<string, CategoryAudiences>();

  get size(): number {
    return this.#byKey.size;
  }

  /** The audience with the same selection as this new one: an older one if there is one, else the new one, registered. */
  admit(fresh: Audience): Audience {
    const existing = this.#byKey.get(fresh.key);
    if (existing !== undefined) return existing;
    this.#byKey.set(fresh.key, fresh);
    const { all, streams, categories, group } = fresh.selection;
    if (all) this.#all.push(fresh);
    for (const stream of streams) listIn(this.#byStream, stream).push(fresh);
    for (const category of categories) {
      const audiences = this.#byCategory.getOrInsertComputed(category, () => new CategoryAudiences());
      if (group === null) audiences.whole.push(fresh);
      else listIn(audiences.members(group.size), group.member).push(fresh);
    }
    return fresh;
  }

  /** Forgets an audience that nobody hears any more. */
  remove(audience: Audience): void {
    this.#byKey.delete(audience.key);
    const { all, streams, categories, group } = audience.selection;
    if (all) drop(this.#all, audience);
    for (const stream of streams) dropIn(this.#byStream, stream, audience);
    for (const category of categories) {
      const audiences = this.#byCategory.get(category)!;
      if (group === null) drop(audiences.whole, audience);
      else {
        const members = audiences.members(group.size);
        dropIn(members, group.member, audience);
        if (members.size === 0) audiences.removeGroup(group.size);
      }
      if (audiences.isEmpty) this.#byCategory.delete(category);
    }
  }

  /** Calls back for each audience whose selection names the poke, once each. */
  route(poke: Poke, found: (audience: Audience) => void): void {
    const { stream } = poke;
    for (const audience of this.#all) found(audience);
    const ofStream = this.#byStream.get(stream.text);
    if (ofStream !== undefined) tell(ofStream, poke, found);
    const ofCategory = this.#byCategory.get(stream.category);
    if (ofCategory === undefined) return;
    tell(ofCategory.whole, poke, found);
    for (const { size, members } of ofCategory.groups) {
      const ofMember = members.get(stream.owner(size));
      if (ofMember !== undefined) tell(ofMember, poke, found);
    }
  }
}

function tell(audiences: Audience[], poke: Poke, found: (audience: Audience) => void): void {
  for (const audience of audiences) {
    // An audience of several selectors may be found by its stream and by its category.
    if (audience.upTo !== poke.globalPosition && poke.position >= audience.selection.fromPosition) found(audience);
  }
}

const newList = (): Audience[] => [];

function listIn<K>(lists: Map<K, Audience[]>, key: K): Audience[] {
  return lists.getOrInsertComputed(key, newList);
}

function drop(list: Audience[], audience: Audience): void {
  list.splice(list.indexOf(audience), 1);
}

function dropIn<K>(lists: Map<K, Audience[]>, key: K, audience: Audience): void {
  const list = lists.get(key)!;
  drop(list, audience);
  if (list.length === 0) lists.delete(key);
}
