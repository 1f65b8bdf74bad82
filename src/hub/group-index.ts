import type { Poke } from '../message/poke.ts';
import type { FanOutGroup } from './fan-out-group.ts';

/** Fan-out groups of consumer group members, for one group size. */
type BySize = { readonly size: number; readonly members: Map<number, FanOutGroup[]> };

/** Fan-out groups of one category: those of the whole category, and those of consumer group members. */
class OfCategory {
  readonly whole: FanOutGroup[] = [];
  /** One entry per size. A list, because iterating over a map allocates an iterator for each poke (load/micro/routing.ts). */
  readonly bySize: BySize[] = [];

  get isEmpty(): boolean {
    return this.whole.length === 0 && this.bySize.length === 0;
  }

  members(size: number): Map<number, FanOutGroup[]> {
    const found = this.bySize.find((one) => one.size === size);
    if (found !== undefined) return found.members;
    const members = new Map<number, FanOutGroup[]>();
    this.bySize.push({ size, members });
    return members;
  }

  removeSize(size: number): void {
    this.bySize.splice(
      this.bySize.findIndex((one) => one.size === size),
      1,
    );
  }
}

/** Looks up matching groups by stream and category, so routing cost depends on the number of matches, not on the number of groups. */
export class GroupIndex {
  readonly #byKey = new Map<string, FanOutGroup>();
  readonly #all: FanOutGroup[] = [];
  readonly #byStream = new Map<string, FanOutGroup[]>();
  readonly #byCategory = new Map<string, OfCategory>();

  get size(): number {
    return this.#byKey.size;
  }

  /** Returns the existing group with the same selection, or registers and returns this one. */
  admit(fresh: FanOutGroup): FanOutGroup {
    const existing = this.#byKey.get(fresh.key);
    if (existing !== undefined) return existing;
    this.#byKey.set(fresh.key, fresh);
    const { all, streams, categories, group } = fresh.selection;
    if (all) this.#all.push(fresh);
    for (const stream of streams) listIn(this.#byStream, stream).push(fresh);
    for (const category of categories) {
      const ofCategory = this.#byCategory.getOrInsertComputed(category, () => new OfCategory());
      if (group === null) ofCategory.whole.push(fresh);
      else listIn(ofCategory.members(group.size), group.member).push(fresh);
    }
    return fresh;
  }

  /** Removes a group without members. */
  remove(group: FanOutGroup): void {
    this.#byKey.delete(group.key);
    const { all, streams, categories, group: consumers } = group.selection;
    if (all) drop(this.#all, group);
    for (const stream of streams) dropIn(this.#byStream, stream, group);
    for (const category of categories) {
      const ofCategory = this.#byCategory.get(category)!;
      if (consumers === null) drop(ofCategory.whole, group);
      else {
        const members = ofCategory.members(consumers.size);
        dropIn(members, consumers.member, group);
        if (members.size === 0) ofCategory.removeSize(consumers.size);
      }
      if (ofCategory.isEmpty) this.#byCategory.delete(category);
    }
  }

  /** Calls `found` once for each group that selects the poke. */
  route(poke: Poke, found: (group: FanOutGroup) => void): void {
    const { stream } = poke;
    for (const group of this.#all) found(group);
    const ofStream = this.#byStream.get(stream.text);
    if (ofStream !== undefined) match(ofStream, poke, found);
    const ofCategory = this.#byCategory.get(stream.category);
    if (ofCategory === undefined) return;
    match(ofCategory.whole, poke, found);
    for (const { size, members } of ofCategory.bySize) {
      const ofMember = members.get(stream.owner(size));
      if (ofMember !== undefined) match(ofMember, poke, found);
    }
  }
}

function match(groups: FanOutGroup[], poke: Poke, found: (group: FanOutGroup) => void): void {
  for (const group of groups) {
    // A group with several selectors may be found both by its stream and by its category.
    if (group.gatheredUpTo !== poke.globalPosition && poke.position >= group.selection.fromPosition) found(group);
  }
}

const newList = (): FanOutGroup[] => [];

function listIn<K>(lists: Map<K, FanOutGroup[]>, key: K): FanOutGroup[] {
  return lists.getOrInsertComputed(key, newList);
}

function drop(list: FanOutGroup[], group: FanOutGroup): void {
  list.splice(list.indexOf(group), 1);
}

function dropIn<K>(lists: Map<K, FanOutGroup[]>, key: K, group: FanOutGroup): void {
  const list = lists.get(key)!;
  drop(list, group);
  if (list.length === 0) lists.delete(key);
}
