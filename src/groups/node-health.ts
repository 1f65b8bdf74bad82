import type { GroupRecord, GroupStore } from '../store/group-store.ts';
import { clockMargin, type GroupTimes } from './group-times.ts';
import type { NodeView } from './reconcile.ts';
import { nodeKey, nodePrefix } from './record-keys.ts';

/** The record that a node stores about itself. */
type NodeRecord = {
  readonly isDead: boolean;
  /** Beats of members connected to other nodes, by session. */
  readonly beats: Readonly<Record<string, number>>;
};

/** Maximum number of sessions of other nodes whose beats wait for the next turn. Beats may be lost. */
const maxForeignBeats = 4_096;

/** Age at which an unchanged record is removed: its node is gone, and every node has noticed. */
const keepRecordMs = 600_000;

/**
 * Tracks whether this node may confirm leases. It updates its record each turn. A node that sees another's record
 * unchanged for too long marks it dead, and the marked node finds out before it confirms more leases. A store of a
 * single process needs none of this.
 */
export class NodeHealth {
  readonly #store: GroupStore;
  readonly #times: GroupTimes;
  readonly #now: () => number;
  readonly #others = new Map<string, NodeView>();
  readonly #foreign = new Map<string, number>();
  #losses = 0;
  #id: string;
  #revision = 0;
  #validUntilMs = Number.NEGATIVE_INFINITY;

  constructor(store: GroupStore, times: GroupTimes, now: () => number, id: string) {
    this.#store = store;
    this.#times = times;
    this.#now = now;
    this.#id = id;
    if (store.sharedBy === 'process') this.#validUntilMs = Number.POSITIVE_INFINITY;
  }

  get id(): string {
    return this.#id;
  }

  /** What this node knows about the other nodes. */
  get others(): ReadonlyMap<string, NodeView> {
    return this.#others;
  }

  /** Number of times another node was found dead, or its record was missing. */
  get losses(): number {
    return this.#losses;
  }

  /** How long this node may confirm leases, in milliseconds; 0 or less: it may not. */
  get validMs(): number {
    return this.#validUntilMs - this.#now();
  }

  /** Forwards a heartbeat to the node of its session. */
  passOn(session: string, beat: number): void {
    if (this.#foreign.size >= maxForeignBeats && !this.#foreign.has(session)) return;
    this.#foreign.set(session, Math.max(beat, this.#foreign.get(session) ?? 0));
  }

  /**
   * One turn: writes this node's record, and lets the caller read the records that its decisions depend on, together
   * with the records of all nodes. The node's validity counts from the time before these operations. Returns false if
   * this node was marked dead and must start over.
   */
  async turn(
    heard: (session: string, beat: number) => void,
    read: () => Promise<readonly GroupRecord[]>,
  ): Promise<boolean> {
    const sentMs = this.#now();
    if (!(await this.#beat())) return false;
    this.#see(await read(), heard);
    this.#validUntilMs = sentMs + clockMargin * this.#times.nodeTtlMs;
    await this.#removeOld();
    return true;
  }

  /** Notes the records of all nodes. */
  #see(records: readonly GroupRecord[], heard: (session: string, beat: number) => void): void {
    const seen = new Set<string>();
    for (const { key, revision, text } of records) {
      const node = key.slice(nodePrefix.length);
      seen.add(node);
      if (node === this.#id || this.#others.get(node)?.revision === revision) continue;
      const { isDead, beats } = JSON.parse(text) as NodeRecord;
      this.#others.set(node, { isDead, revision, unchangedSinceMs: this.#now() });
      if (isDead) this.#losses++;
      else for (const [session, beat] of Object.entries(beats)) heard(session, beat);
    }
    for (const node of this.#others.keys()) if (!seen.has(node)) this.#lose(node);
  }

  #lose(node: string): void {
    this.#others.delete(node);
    this.#losses++;
  }

  /** Marks a node dead if its record is still unchanged. */
  async declareDead(node: string, revision: number): Promise<boolean> {
    const text = JSON.stringify({ isDead: true, beats: {} } satisfies NodeRecord);
    const [written] = await this.#store.write([{ key: nodeKey(node), revision, text, isQuiet: true }]);
    return written !== undefined;
  }

  /** Continues as a new node; ids are never reused. */
  beginAgain(id: string): void {
    this.#id = id;
    this.#revision = 0;
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#foreign.clear();
  }

  async #beat(): Promise<boolean> {
    const beats = Object.fromEntries(this.#foreign);
    const text = JSON.stringify({ isDead: false, beats } satisfies NodeRecord);
    const key = nodeKey(this.#id);
    const [written] = await this.#store.write([{ key, revision: this.#revision, text, isQuiet: true }]);
    if (written !== undefined) {
      this.#revision = written;
      for (const [session, beat] of Object.entries(beats)) {
        if (this.#foreign.get(session) === beat) this.#foreign.delete(session);
      }
      return true;
    }
    const [record] = await this.#store.read([key]);
    if (record === undefined || (JSON.parse(record.text) as NodeRecord).isDead) return false;
    // An earlier write succeeded although its answer was lost.
    this.#revision = record.revision;
    return this.#beat();
  }

  async #removeOld(): Promise<void> {
    const nowMs = this.#now();
    for (const [node, { revision, unchangedSinceMs }] of this.#others) {
      if (nowMs - unchangedSinceMs < keepRecordMs) continue;
      await this.#store.write([{ key: nodeKey(node), revision, text: undefined, isQuiet: true }]);
      this.#lose(node);
      return;
    }
  }
}
