import type { GroupStore } from '../store/group-store.ts';
import { type Failure, hold, type NamedStreams, passErased, replay, settle, skip } from './held-streams.ts';
import {
  acknowledge,
  type HeldStream,
  open,
  type PartitionRecord,
  passedUpTo,
  seal,
  skipForgotten,
} from './partition-record.ts';
import { groupIdOf } from './record-keys.ts';
import { type ChangeOutcome, Records } from './records.ts';

/** Outcome of a change reserved for the owner. */
export type OwnerOutcome =
  | { readonly outcome: 'done'; readonly record: PartitionRecord }
  /** Another generation is current; `current`: its number, or 0 if the partition no longer exists. */
  | { readonly outcome: 'fenced'; readonly current: number };

/** The records of partitions. Each change is one compare-and-set, and durable when it is answered. */
export class Partitions {
  readonly #records: Records<PartitionRecord>;
  readonly #wallNow: () => number;
  /** Keys of cached records that hold streams. */
  readonly #holding = new Set<string>();

  constructor(store: GroupStore, conflicted: () => void, wallNow: () => number) {
    this.#records = new Records(store, true, conflicted, (key, record) => {
      if (record === undefined || record.held.length === 0) this.#holding.delete(key);
      else this.#holding.add(key);
    });
    this.#wallNow = wallNow;
  }

  /** Ids of groups that hold streams, as far as this node knows. */
  get groupsThatHold(): ReadonlySet<string> {
    return new Set(Array.from(this.#holding, groupIdOf));
  }

  known(key: string): PartitionRecord | undefined {
    return this.#records.known(key);
  }

  readAll(keys: readonly string[]): Promise<(PartitionRecord | undefined)[]> {
    return this.#records.readAll(keys);
  }

  /** Reads cached records again. */
  async readChanged(keys: readonly string[]): Promise<void> {
    const known = keys.filter((key) => this.#records.known(key) !== undefined);
    for (let at = 0; at < known.length; at += 100) await this.#records.readAll(known.slice(at, at + 100));
  }

  /** Fences every generation before this one, and reads the progress in the same step. */
  async open(key: string, generation: number): Promise<PartitionRecord | undefined> {
    const { value } = await this.#records.change(key, (record) => open(record, generation));
    return value?.generation === generation && !value.isSealed ? value : undefined;
  }

  async acknowledge(key: string, generation: number, position: number): Promise<OwnerOutcome> {
    const nowMs = this.#wallNow();
    return ownerOutcome(
      await this.#records.change(key, (record) => acknowledge(record, generation, position, nowMs)),
      generation,
    );
  }

  /** Holds a stream; `too-many`: the partition is at its limit. */
  async hold(key: string, generation: number, failure: Failure): Promise<OwnerOutcome | 'too-many'> {
    let isFull = false;
    const changed = await this.#records.change(
      key,
      (record) => {
        const held = hold(record, generation, failure);
        isFull = held === 'too-many';
        return held === 'too-many' ? undefined : held;
      },
      false,
    );
    return isFull ? 'too-many' : ownerOutcome(changed, generation);
  }

  /**
   * Settles messages of a held stream. `nextUpTo` finds the stream's next message at or below a global position up to
   * which messages otherwise count as settled; it is called again if that position has moved in the meantime.
   */
  async settle(
    key: string,
    generation: number,
    settled: { readonly stream: string; readonly position: number },
    nextUpTo: (passed: number) => Promise<number | undefined>,
  ): Promise<OwnerOutcome> {
    for (;;) {
      const [before] = await this.#records.readAll([key]);
      if (before === undefined) return { outcome: 'fenced', current: 0 };
      const passed = passedUpTo(before, settled.stream);
      const next = await nextUpTo(passed);
      const nowMs = this.#wallNow();
      let hasMoved = false;
      const changed = await this.#records.change(
        key,
        (record) => {
          hasMoved = passedUpTo(record, settled.stream) !== passed;
          return hasMoved ? undefined : settle(record, generation, settled, next, nowMs);
        },
        false,
      );
      if (!hasMoved) return ownerOutcome(changed, generation);
    }
  }

  /** Makes held streams due, or skips the messages at which they are held. Resolves to the streams that changed. */
  async administer(key: string, how: 'replay' | 'skip', named: NamedStreams | undefined): Promise<string[]> {
    const nowMs = this.#wallNow();
    let before: readonly HeldStream[] = [];
    const { outcome, value } = await this.#records.change(
      key,
      (record) => {
        before = record.held;
        return how === 'replay' ? replay(record, named, nowMs) : skip(record, named, nowMs);
      },
      false,
    );
    if (outcome !== 'changed') return [];
    return value.held.filter((held) => !before.includes(held)).map(({ stream }) => stream);
  }

  /** Moves a held stream from an erased message to `next`. Returns false if it is no longer held there. */
  async passErased(key: string, held: HeldStream, next: number): Promise<boolean> {
    const nowMs = this.#wallNow();
    const { outcome } = await this.#records.change(key, (record) => passErased(record, held, next, nowMs), false);
    return outcome === 'changed';
  }

  /** Moves the checkpoint past deleted messages, unless they are settled. */
  async skipForgotten(key: string, upTo: number): Promise<void> {
    await this.#records.change(key, (record) => skipForgotten(record, upTo));
  }

  /** Seals a partition of a previous layout; its progress is then final. */
  async seal(key: string): Promise<boolean> {
    const { value } = await this.#records.change(key, seal);
    return value?.isSealed === true;
  }

  /** Creates initial records. Existing ones are unchanged. */
  async create(entries: readonly { readonly key: string; readonly value: PartitionRecord }[]): Promise<void> {
    for (let at = 0; at < entries.length; at += 500) await this.#records.createAll(entries.slice(at, at + 500));
  }
}

function ownerOutcome({ value }: ChangeOutcome<PartitionRecord>, generation: number): OwnerOutcome {
  if (value?.generation === generation && !value.isSealed) return { outcome: 'done', record: value };
  return { outcome: 'fenced', current: value?.generation ?? 0 };
}
