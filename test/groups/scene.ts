import {
  assigned,
  attempted,
  beaten,
  type DeadlineBook,
  disconnected,
  emptyBook,
  joined,
  leased,
  mayStart,
  released,
  revoked,
} from '../../src/client/groups/deadline-book.ts';
import type { Joined } from '../../src/groups/admit-member.ts';
import { type Group, newGroup } from '../../src/groups/group.ts';
import { GroupNode } from '../../src/groups/group-node.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import type { GroupEvent, MemberSession } from '../../src/groups/member-session.ts';
import type { Held } from '../../src/groups/ownership.ts';
import { groupKey } from '../../src/groups/record-keys.ts';
import type { GroupChange, GroupChanges, GroupRecord, GroupStore } from '../../src/store/group-store.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';

/** The name of the group. */
export const name = { uid: 'u', name: 'g' };
const key = groupKey(name.uid, name.name);

/** A node's access to the store, which can delay the next change of the group. */
class HeldStore implements GroupStore {
  readonly sharedBy = 'nodes';
  #hold: Promise<void> | undefined = undefined;
  readonly #store: GroupStore;

  constructor(store: GroupStore) {
    this.#store = store;
  }

  /** Delays the next change of the group until the returned function is called. */
  holdNext(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hold = promise;
    return resolve;
  }

  get isHolding(): boolean {
    return this.#hold !== undefined;
  }

  read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    return this.#store.read(keys);
  }

  async write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    if (changes[0]?.key === key) {
      const hold = this.#hold;
      this.#hold = undefined;
      await hold;
    }
    return this.#store.write(changes);
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]> {
    return this.#store.list(prefix, after, limit);
  }

  changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges> {
    return this.#store.changesSince(revision, prefix);
  }

  follow(): () => void {
    return () => {};
  }
}

/** A node of a scene. */
export type SceneNode = { readonly node: GroupNode; readonly store: HeldStore };

/** A group of two partitions with nodes and workers that act when the scenario requests it. */
export class Scene {
  nowMs = 0;
  /** How long each hand-over took, on whichever node. */
  readonly handedOverMs: number[] = [];
  readonly #store = new MemoryGroups();
  readonly #nodes: SceneNode[] = [];
  readonly #workers: SceneWorker[] = [];
  #ids = 0;

  static async begin(): Promise<Scene> {
    const scene = new Scene();
    const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
    const group = newGroup('id', { category: 'account', options, epoch: 'e', size: 2, generation: 0, position: 0 });
    await scene.#store.write([{ key, revision: 0, text: JSON.stringify(group), isQuiet: false }]);
    return scene;
  }

  async startNode(): Promise<SceneNode> {
    const store = new HeldStore(this.#store);
    const node = new GroupNode({
      store,
      times: groupTimes,
      now: () => this.nowMs,
      wallNow: () => this.nowMs,
      newId: () => `i${this.#ids++}`,
      observer: {
        moved: () => {},
        handedOver: (ms) => void this.handedOverMs.push(ms),
        failed: (error) => Promise.reject(error),
      },
      headOf: () => 0,
      toldChanged: () => {},
    });
    this.#nodes.push({ node, store });
    await node.turn();
    return { node, store };
  }

  /** Starts a worker that is connected to a node and sends beats. */
  async startWorker(name: string, at: SceneNode): Promise<SceneWorker> {
    const worker = new SceneWorker(this, name);
    this.#workers.push(worker);
    await worker.connect(at);
    return worker;
  }

  /** The group as stored. */
  async group(): Promise<Group> {
    const [record] = await this.#store.read([key]);
    return JSON.parse(record!.text);
  }

  /** Advances time, second by second. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += groupTimes.turnMs;
      for (const { node } of this.#nodes) await node.turn();
      if (this.nowMs % groupTimes.beatMs === 0) for (const worker of this.#workers) worker.beat();
      await this.settle();
    }
  }

  /** Resolves when everything started is done; throws if two workers may start handlers of one partition. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const partition of [0, 1]) {
      const owners = this.#workers.filter((worker) => worker.mayStart(partition)).map((worker) => worker.name);
      if (owners.length > 1) throw new Error(`partition ${partition} has the owners ${owners} at ${this.nowMs} ms`);
    }
  }
}

/** A worker that follows its deadline book, and releases only when told to. */
export class SceneWorker {
  readonly name: string;
  book: DeadlineBook = emptyBook;
  /** Whether it sends beats. */
  isBeating = true;
  /** Whether everything sent to it is lost, without any participant knowing yet. */
  isDeaf = false;
  /** All events received. */
  readonly events: GroupEvent[] = [];
  readonly ends: string[] = [];
  readonly #scene: Scene;
  #at!: SceneNode;
  #session: MemberSession | undefined = undefined;

  constructor(scene: Scene, name: string) {
    this.#scene = scene;
    this.name = name;
  }

  get session(): string {
    return this.book.session!;
  }

  /** Prepares an attempt, which is made when the returned function is called. */
  attempt(at: SceneNode): () => Promise<Joined> {
    this.book = attempted(this.book, this.#scene.nowMs);
    const { attempt, session } = this.book;
    const link = {
      send: (event: GroupEvent) => {
        if (!this.isDeaf && this.book.attempt === attempt) this.#take(event);
      },
      // Like a socket, it notifies the node before the node continues.
      end: (code: string) => {
        this.ends.push(code);
        if (this.book.attempt === attempt) this.#at.node.disconnected(this.#session!);
      },
    };
    return async () => {
      const joining = { member: this.name, session, attempt, address: undefined, epoch: 'e', link };
      const outcome = await at.node.join(name, joining);
      if (outcome.outcome === 'joined') {
        this.#session = outcome.session;
        this.#at = at;
      }
      await this.#scene.settle();
      return outcome;
    };
  }

  connect(at: SceneNode): Promise<Joined> {
    return this.attempt(at)();
  }

  /** Breaks the worker's connection; the node notices. */
  async cut(): Promise<void> {
    this.book = disconnected(this.book);
    this.#at.node.disconnected(this.#session!);
    await this.#scene.settle();
  }

  beat(): void {
    if (!this.isBeating || this.book.session === undefined) return;
    this.book = beaten(this.book, this.#scene.nowMs);
    this.#at.node.beat(this.session, this.book.beat);
  }

  /** Releases a partition; the release arrives when the returned function is called. */
  release(partition: number): () => Promise<void> {
    const held = this.owned(partition)!;
    const { session } = this;
    this.book = released(this.book, held);
    return async () => {
      await this.#at.node.release(name, session, held);
      await this.#scene.settle();
    };
  }

  async leave(): Promise<void> {
    this.isBeating = false;
    await this.#at.node.leave(name, this.session, 0);
    await this.#scene.settle();
  }

  /** The partition that it owns according to its book. */
  owned(partition: number): Held | undefined {
    return this.book.assignments.get(`0/${partition}`);
  }

  mayStart(partition: number): boolean {
    const held = this.owned(partition);
    return held !== undefined && mayStart(this.book, held, this.#scene.nowMs);
  }

  /** Events of this kind received. */
  told<Kind extends GroupEvent['event']>(kind: Kind): Extract<GroupEvent, { event: Kind }>['data'][] {
    return this.events.filter(({ event }) => event === kind).map(({ data }) => data) as never;
  }

  #take(event: GroupEvent): void {
    this.events.push(event);
    if (event.event === 'joined') this.book = joined(this.book, event.data);
    else if (event.event === 'lease') this.book = leased(this.book, event.data);
    else if (event.event === 'assigned') this.book = assigned(this.book, event.data).book;
    else if (event.event === 'revoke') this.book = revoked(this.book, event.data).book;
  }
}
