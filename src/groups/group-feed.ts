import { readRetryDelays } from '../hub/back-off.ts';
import { LogTail } from '../hub/log-tail.ts';
import type { ReadSlots } from '../hub/read-slots.ts';
import type { Poke } from '../message/poke.ts';
import type { Log } from '../store/log.ts';
import type { WatchedGroup } from './group-state.ts';
import type { MemberSession, Told } from './member-session.ts';
import type { PartitionRecord } from './partition-record.ts';
import { PokeCredit } from './poke-credit.ts';
import { toldKey } from './reconcile.ts';

/** A partition whose member receives pokes. */
type Target = {
  readonly session: MemberSession;
  readonly told: Told;
  /** The last message since the last flush. A burst is sent as one poke, and the member reads the rest. */
  pending: { readonly stream: string; readonly position: number; readonly globalPosition: number } | undefined;
  readonly credit: PokeCredit;
};

/** The targets in one layout of a group, by partition. */
type Layout = { readonly size: number; readonly targets: Map<number, Target> };

type GroupFeedOptions = {
  readonly log: Log;
  readonly slots: ReadSlots;
  readonly partition: (key: string) => PartitionRecord | undefined;
  readonly failed: (error: unknown) => void;
};

/**
 * Sends pokes of one log to the members on this node that own the partitions. Pokes are hints: the member's next read
 * finds messages whose poke was omitted or lost.
 */
export class GroupFeed {
  /** When a join last requested this feed. */
  askedAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: GroupFeedOptions;
  readonly #tail: LogTail;
  /** By category, then by group and layout. */
  readonly #layouts = new Map<string, Map<string, Layout>>();
  readonly #pending = new Set<Target>();
  /** Targets that are paused until an acknowledgement is found. */
  readonly #paused = new Set<Target>();
  #flush: NodeJS.Immediate | undefined;

  constructor(options: GroupFeedOptions) {
    const { log, slots, failed } = options;
    this.#options = options;
    this.#tail = new LogTail({
      log,
      slots,
      retryDelays: readRetryDelays,
      lookBack: 0,
      began: () => {},
      poked: (poke) => this.#poked(poke),
      advanced: () => {},
      forgotten: () => {},
      changedUpTo: () => {},
      failed,
    });
    this.#tail.start();
  }

  /** The log's head as far as this node knows it. */
  get head(): number {
    return this.#tail.bounds?.head ?? 0;
  }

  /** Retention may have deleted messages up to here. */
  get forgottenUpTo(): number {
    return this.#tail.bounds?.forgottenUpTo ?? 0;
  }

  get isIdle(): boolean {
    return this.#layouts.size === 0;
  }

  /** Resolves when the head is known. */
  get begun(): Promise<void> {
    return this.#tail.begun;
  }

  /** Partitions whose pokes are paused until an acknowledgement is found. */
  get waiting(): string[] {
    return Array.from(this.#paused, ({ told }) => told.key);
  }

  /** Reads messages that were not announced. */
  look(): void {
    this.#tail.readOn();
  }

  stop(): void {
    clearImmediate(this.#flush);
    this.#tail.stop();
  }

  /** Starts or stops the pokes of a partition, after its assignment to a session changed. */
  update(watched: WatchedGroup, session: MemberSession, told: Told): void {
    const { category, size, layout } = watched.group;
    const name = `${told.layout}/${watched.key}`;
    const layouts = this.#layouts.getOrInsertComputed(category, () => new Map());
    const isMember = session.told.get(toldKey(told)) === told && !session.isClosed;
    if (isMember && told.revokedAtMs === undefined && told.layout === layout) {
      const { targets } = layouts.getOrInsertComputed(name, () => ({ size, targets: new Map() }));
      this.#remove(targets, told.partition);
      targets.set(told.partition, { session, told, pending: undefined, credit: new PokeCredit() });
    } else {
      const targets = layouts.get(name)?.targets;
      if (targets?.get(told.partition)?.told === told) this.#remove(targets, told.partition);
      if (targets?.size === 0) layouts.delete(name);
    }
    if (layouts.size === 0) this.#layouts.delete(category);
  }

  #remove(targets: Map<number, Target>, partition: number): void {
    const target = targets.get(partition);
    if (target === undefined) return;
    targets.delete(partition);
    this.#pending.delete(target);
    this.#paused.delete(target);
  }

  #poked({ stream, position, globalPosition }: Poke): void {
    const layouts = this.#layouts.get(stream.category);
    if (layouts === undefined) return;
    for (const { size, targets } of layouts.values()) {
      const target = targets.get(stream.owner(size));
      if (target === undefined) continue;
      target.pending = { stream: stream.text, position, globalPosition };
      this.#pending.add(target);
    }
    this.#flush ??= setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#flush = undefined;
    for (const target of this.#pending) {
      const { session, told, pending, credit } = target;
      target.pending = undefined;
      const record = this.#options.partition(told.key);
      if (pending === undefined) continue;
      // A held stream is not read before its retry.
      if (record?.held.some(({ stream }) => stream === pending.stream) === true) continue;
      const isSent = credit.take(pending.globalPosition, record?.checkpoint);
      if (credit.isUsedUp) this.#paused.add(target);
      else this.#paused.delete(target);
      if (!isSent) continue;
      const { partition, generation } = told;
      session.send({ event: 'poke', data: { partition, generation, ...pending } });
    }
    this.#pending.clear();
  }
}
