import type { Group } from '../../src/groups/group.ts';
import type { PartitionRecord } from '../../src/groups/partition-record.ts';
import { groupKey, partitionKey, partitionPrefix } from '../../src/groups/record-keys.ts';
import type { GroupChange, GroupStore } from '../../src/store/group-store.ts';
import type { SimLogs } from './sim-logs.ts';
import { groupName } from './sim-node.ts';

/** Known facts about a layout of the group. */
type Layout = {
  readonly size: number;
  readonly epoch: string;
  /**
   * Partitions of the layout that a reset has ended, which may be acknowledged until they are sealed; undefined: none.
   */
  ended?: readonly number[] | 'all';
};

/** Checks the writes of nodes to a store: no record may go back, and no checkpoint may pass unprocessed messages. */
export class SimRecords {
  readonly #store: GroupStore;
  readonly #logs: SimLogs;
  readonly #groupId: string;
  readonly #layouts = new Map<number, Layout>();

  /** `failed` is called with the guarantee that a change breaks. */
  constructor(store: GroupStore, logs: SimLogs, first: Group, failed: (error: unknown) => void) {
    this.#store = store;
    this.#logs = logs;
    this.#groupId = first.id;
    this.#layouts.set(first.layout, { size: first.size, epoch: first.epoch });
    const write = store.write.bind(store);
    store.write = async (changes) => {
      const before = await store.read(changes.map(({ key }) => key));
      const outcomes = await write(changes);
      for (const [index, change] of changes.entries()) {
        const old = before[index];
        try {
          if (outcomes[index] !== undefined && old !== undefined) this.#check(change, old.text);
        } catch (error) {
          failed(error);
        }
      }
      return outcomes;
    };
  }

  /** Throws unless everything is processed and settled, and shares are even. */
  async checkEnd(): Promise<void> {
    const log = this.#logs.current;
    const [record] = await this.#store.read([groupKey(groupName.uid, groupName.name)]);
    const group = JSON.parse(record!.text) as Group;
    const state = record!.text;
    if (group.epoch !== log.epoch) throw new Error(`the group has a log that is no more: ${state}`);
    if (group.previous !== undefined) throw new Error(`a resize did not end: ${state}`);
    const lost = log.messages.find(({ isDone }) => !isDone);
    if (lost !== undefined)
      throw new Error(`message ${lost.globalPosition} of stream ${lost.stream} was never processed: ${state}`);
    for (const partition of group.partitions.keys()) {
      const key = partitionKey(groupName.uid, group.id, group.layout, partition);
      const [kept] = await this.#store.read([key]);
      const { checkpoint, held } = JSON.parse(kept!.text) as PartitionRecord;
      if (checkpoint < log.head)
        throw new Error(`partition ${partition} ends at ${checkpoint} of ${log.head}: ${kept!.text} ${state}`);
      if (held.length > 0) throw new Error(`partition ${partition} still holds streams: ${kept!.text} ${state}`);
    }
    const loads = Object.keys(group.members).map(
      (session) => group.partitions.filter(({ holder }) => holder === session).length,
    );
    if (Math.max(...loads) - Math.min(...loads) > 1) throw new Error(`shares are not balanced: ${state}`);
  }

  /** Throws if a change of a record, given its previous text, breaks a guarantee. */
  #check({ key, text }: GroupChange, before: string): void {
    if (text === undefined) return;
    if (key === groupKey(groupName.uid, groupName.name)) this.#note(JSON.parse(text) as Group);
    const prefix = partitionPrefix(groupName.uid, this.#groupId);
    if (!key.startsWith(prefix)) return;
    const [layout, partition] = key.slice(prefix.length).split('/').map(Number) as [number, number];
    const old = JSON.parse(before) as PartitionRecord;
    const next = JSON.parse(text) as PartitionRecord;
    if (next.generation < old.generation) throw new Error(`the generation of ${key} falls`);
    if (old.isSealed) throw new Error(`${key} changes although it is sealed`);
    if (next.checkpoint < old.checkpoint) throw new Error(`the checkpoint of ${key} falls`);
    const { size, epoch, ended } = this.#layouts.get(layout)!;
    if (ended === 'all' || ended?.includes(partition) === true) return;
    this.#logs.of(epoch).checkPassed(size, partition, old, next);
  }

  #note({ layout, size, epoch, origin, generation }: Group): void {
    if (this.#layouts.has(layout)) return;
    this.#layouts.set(layout, { size, epoch });
    if (origin.from !== 'reset') return;
    const former = this.#layouts.get(layout - 1)!;
    // In another log no checkpoint of the former one may continue.
    const partitions = former.epoch === epoch ? origin.partitions : undefined;
    former.ended = partitions ?? 'all';
    this.#logs.of(epoch).reset(size, partitions, origin.position, generation);
  }
}
