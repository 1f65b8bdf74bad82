import type { Group } from './group.ts';

/**
 * Measures hand-overs to members on this node: from when the node learns that a partition will move from its owner to one
 * of them, until that member is sent `assigned`.
 */
export class Handovers {
  /** Start of each hand-over in progress, by partition of the current layout. */
  readonly #begunAtMs = new Map<number, number>();

  /** Starts and cancels hand-overs after a change of the group. */
  note(before: Group, after: Group, node: string, nowMs: number): void {
    if (before === after) return;
    const isResized = before.id !== after.id || before.layout !== after.layout;
    if (isResized) this.#begunAtMs.clear();
    const hadOwners = isResized && before.partitions.some(({ holder }) => holder !== undefined);
    for (const [partition, { next }] of after.partitions.entries()) {
      const former = isResized ? undefined : before.partitions[partition];
      if (former !== undefined && former.next === next) continue;
      const isHere = next !== undefined && after.members[next]?.node === node;
      const hadOther = former === undefined ? hadOwners : former.holder !== undefined && former.holder !== next;
      if (!isHere || !hadOther) this.#begunAtMs.delete(partition);
      // A hand-over in progress only gets another target.
      else if (!this.#begunAtMs.has(partition)) this.#begunAtMs.set(partition, nowMs);
    }
  }

  /** Ends a hand-over. Returns its duration; undefined if the assignment was not one. */
  end(partition: number, nowMs: number): number | undefined {
    const begunAtMs = this.#begunAtMs.get(partition);
    this.#begunAtMs.delete(partition);
    return begunAtMs === undefined ? undefined : nowMs - begunAtMs;
  }
}
