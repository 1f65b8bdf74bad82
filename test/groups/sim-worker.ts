import {
  assigned,
  attempted,
  beaten,
  type DeadlineBook,
  disconnected,
  emptyBook,
  fenced,
  joined,
  keyOf,
  leased,
  leaving,
  mayStart,
  type PartitionKey,
  released,
  revoked,
} from '../../src/client/groups/deadline-book.ts';
import type { Joined } from '../../src/groups/admit-member.ts';
import type { GroupEvent, MemberLink, MemberSession } from '../../src/groups/member-session.ts';
import { type Held, meetLog } from '../../src/groups/ownership.ts';
import { groupKey } from '../../src/groups/record-keys.ts';
import { groupName, type SimNode } from './sim-node.ts';
import { SimWork } from './sim-work.ts';
import type { Actor } from './timeline.ts';
import type { World, WorldWorker } from './world.ts';

type Connection = {
  readonly node: SimNode;
  /** The log of the namespace as the node knew it. */
  epoch: string;
  session: MemberSession | undefined;
  isClosed: boolean;
  last: number;
};

/** A worker process that follows its deadline book. */
export class SimWorker implements WorldWorker {
  readonly actor: Actor;
  readonly name: string;
  book: DeadlineBook = emptyBook;
  /** The log that it reads. */
  epoch = '';
  /** The highest head of the log that it was notified of. */
  head = 0;
  isCut = false;
  isLeaving = false;
  /** Another process has taken over its name. */
  isSucceeded = false;
  readonly #world: World;
  readonly #works = new Map<PartitionKey, SimWork>();
  readonly #connections = new Set<Connection>();
  #connection: Connection | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.actor = world.time.actor();
    this.name = name;
    this.#connect();
    this.#beatOn();
  }

  get session(): string | undefined {
    return this.book.session;
  }

  /** Whether it may currently start a handler of the stream. */
  claims(stream: number): boolean {
    const nowMs = this.#world.time.local(this.actor) + 1e-3;
    return this.#works
      .values()
      .some((work) => this.#world.log.owner(stream, work.size) === work.partition && mayStart(this.book, work, nowMs));
  }

  freeze(ms: number): void {
    this.#world.time.pause(this.actor, ms);
  }

  /** Ends the process. */
  kill(): void {
    const { time } = this.#world;
    this.actor.isAlive = false;
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.isClosed = true;
    // Otherwise its node does not notice, and only the lease ends.
    if (time.random.chance(0.7)) time.after(time.random.int(1, 500), connection.node, () => closed(connection));
  }

  /** Breaks the worker's connection. */
  cut(): void {
    if (this.#connection !== undefined) this.#close(this.#connection);
  }

  /** A node's process ended, with all its connections. */
  lostNode(node: Actor): void {
    for (const connection of this.#connections) if (connection.node === node) this.#ended(connection);
  }

  /** Starts nothing more, finishes running handlers, and leaves. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.book = leaving(this.book);
    this.#goWhenDone();
  }

  /** Performs the currently permitted actions. */
  step(): void {
    for (const work of [...this.#works.values()]) work.step();
  }

  owns(work: SimWork): boolean {
    return this.#works.get(keyOf(work)) === work;
  }

  mayStart(work: SimWork): boolean {
    return mayStart(this.book, work, this.#world.time.local(this.actor));
  }

  isRevoked(work: SimWork): boolean {
    return this.book.assignments.get(keyOf(work))?.isRevoked === true;
  }

  /** Releases a revoked partition without running handlers. */
  letGo(work: SimWork): void {
    this.#works.delete(keyOf(work));
    this.book = released(this.book, work);
    this.#release(work, work.done);
  }

  /** Another generation of the partition is current. */
  fenced(work: SimWork): void {
    this.#works.delete(keyOf(work));
    this.book = fenced(this.book, work);
  }

  #goWhenDone(): void {
    const { time } = this.#world;
    const works = [...this.#works.values()];
    if (works.some(({ isRunning }) => isRunning)) {
      time.after(200, this.actor, () => this.#goWhenDone());
      return;
    }
    this.#works.clear();
    const { session } = this.book;
    const keepMs = time.random.chance(0.3) ? time.random.int(1_000, 20_000) : 0;
    const go = (tries: number) => {
      if (session === undefined || tries === 5) {
        this.actor.isAlive = false;
        if (this.#connection !== undefined) this.#close(this.#connection);
        return;
      }
      this.post(
        async ({ node }) => {
          await Promise.all(
            works.map((work) => node.partitions.acknowledge(this.#key(work), work.generation, work.done)),
          );
          await node.leave(groupName, session, keepMs);
          return true;
        },
        (isDone) => go(isDone === undefined ? tries + 1 : 5),
      );
    };
    go(0);
  }

  #connect(): void {
    const { time } = this.#world;
    if (this.isLeaving || this.#connection !== undefined) return;
    const node = this.#world.anyNode();
    this.book = attempted(this.book, time.local(this.actor));
    const { attempt, session } = this.book;
    time.after(6_000, this.actor, () => {
      if (this.#connection === undefined && this.book.attempt === attempt) this.#connect();
    });
    if (node === undefined || this.isCut) return;
    const connection: Connection = { node, epoch: '', session: undefined, isClosed: false, last: 0 };
    this.#connections.add(connection);
    const link = this.#link(connection, attempt);
    time.after(time.latency(), node, () => {
      connection.epoch = node.epoch;
      const joining = { member: this.name, session, attempt, address: undefined, epoch: node.epoch, link };
      void joinWithLog(node, joining).then(
        (outcome) => {
          if (outcome.outcome === 'joined') connection.session = outcome.session;
          if (connection.isClosed) closed(connection);
          else if (connection.epoch !== node.epoch) this.#endFormer(connection);
        },
        () => {},
      );
    });
  }

  /** A node has learned of another log, and ends connections for the former one. */
  logReplaced(node: SimNode): void {
    for (const connection of this.#connections) {
      if (connection.node === node && connection.session !== undefined && connection.epoch !== node.epoch)
        this.#endFormer(connection);
    }
  }

  #endFormer(connection: Connection): void {
    const { time } = this.#world;
    closed(connection);
    connection.last = Math.max(time.now + time.latency(), connection.last);
    time.at(connection.last, this.actor, () => this.#ended(connection));
  }

  /** A connection's event stream, which preserves order. */
  #link(connection: Connection, attempt: number): MemberLink {
    const { time } = this.#world;
    const arrive = (run: () => void) => {
      const { random } = time;
      const ms = random.chance(0.95) ? random.int(1, 80) : random.int(80, 6_000);
      connection.last = Math.max(time.now + ms, connection.last);
      time.at(connection.last, this.actor, run);
    };
    return {
      send: (event) => {
        if (connection.isClosed) return;
        arrive(() => {
          if (connection.isClosed) return;
          if (event.event === 'joined') this.#joined(connection, attempt, event.data);
          else if (this.#connection === connection) this.#take(event);
          this.step();
        });
      },
      end: (code) => {
        if (code === 'fenced') this.#world.noteFenced();
        arrive(() => this.#ended(connection));
      },
    };
  }

  #joined(
    connection: Connection,
    attempt: number,
    { session, leaseMs, epoch, head }: Extract<GroupEvent, { event: 'joined' }>['data'],
  ): void {
    if (this.#connection !== undefined || this.book.attempt !== attempt || this.isLeaving) {
      this.#close(connection);
      return;
    }
    this.#connection = connection;
    if (this.book.session !== session) {
      this.#works.clear();
      this.#world.noteSession(this);
    } else if (this.epoch !== epoch) for (const work of [...this.#works.values()]) this.fenced(work);
    this.head = this.epoch === epoch ? Math.max(this.head, head) : head;
    this.epoch = epoch;
    this.book = joined(this.book, { session, leaseMs });
  }

  #ended(connection: Connection): void {
    connection.isClosed = true;
    this.#connections.delete(connection);
    if (this.#connection !== connection) return;
    this.#gone();
  }

  #close(connection: Connection): void {
    const { time } = this.#world;
    if (connection.isClosed) return;
    connection.isClosed = true;
    this.#connections.delete(connection);
    time.after(time.random.int(1, 300), connection.node, () => closed(connection));
    if (this.#connection === connection) this.#gone();
  }

  #gone(): void {
    const { time } = this.#world;
    this.#connection = undefined;
    this.book = disconnected(this.book);
    time.after(time.random.int(50, 1_500), this.actor, () => this.#connect());
  }

  #beatOn(): void {
    const { time } = this.#world;
    const { session } = this.book;
    if (session !== undefined && this.#connection !== undefined) {
      this.book = beaten(this.book, time.local(this.actor));
      const { beat } = this.book;
      this.post(
        async ({ node }) => node.beat(session, beat),
        () => {},
      );
    }
    time.after(this.#world.times.beatMs / this.actor.rate, this.actor, () => this.#beatOn());
  }

  #take(event: GroupEvent): void {
    switch (event.event) {
      case 'lease':
        this.book = leased(this.book, event.data);
        this.head = Math.max(this.head, event.data.head);
        return;
      case 'assigned':
        this.#assigned(event.data);
        return;
      case 'revoke': {
        const { book, action } = revoked(this.book, event.data);
        this.book = book;
        if (action === 'release') this.#release(event.data, 0);
        return;
      }
      case 'retry': {
        const { stream: name, position, partition, generation } = event.data;
        const stream = this.#world.log.indexOf(name);
        const work = this.#works
          .values()
          .find((given) => given.partition === partition && given.generation === generation);
        const processed = work?.processed.get(stream) ?? -1;
        if (work?.held.has(stream) === true) work.retries.set(stream, Math.max(position, work.held.get(stream)!));
        // Delivered late, or held again by a repeated request.
        else if (processed >= position) work?.retries.set(stream, processed);
        return;
      }
      case 'poke': {
        const { partition, generation, globalPosition } = event.data;
        this.head = Math.max(this.head, globalPosition);
        const isMeant = (work: SimWork) => work.partition === partition && work.generation === generation;
        this.#works.values().find(isMeant)?.poke(globalPosition);
        return;
      }
      case 'forgotten': {
        const { partition, generation, lost } = event.data;
        const isMeant = (work: SimWork) => work.partition === partition && work.generation === generation;
        this.#works.values().find(isMeant)?.forgotten(lost.to);
      }
    }
  }

  #assigned(data: Extract<GroupEvent, { event: 'assigned' }>['data']): void {
    const { book, action } = assigned(this.book, data);
    this.book = book;
    if (action === 'release') this.#release(data, 0);
    if (action === 'continue') this.#works.get(keyOf(data))?.reconnected(data.position);
    if (action !== 'start') return;
    const held = data.held.map(({ stream, position }) => [this.#world.log.indexOf(stream), position] as const);
    this.#works.set(keyOf(data), new SimWork(this, this.#world, data, held));
  }

  #release(held: Held, position: number): void {
    const { session } = this.book;
    const ask = (tries: number) => {
      if (tries === 60 || session === undefined || this.book.session !== session) return;
      this.post(
        async ({ node }) => {
          await node.partitions.acknowledge(this.#key(held), held.generation, position);
          await node.release(groupName, session, held);
          return true;
        },
        (isDone) => {
          if (isDone === undefined) ask(tries + 1);
        },
      );
    };
    ask(0);
  }

  #key({ layout, partition }: Held): string {
    return this.#world.partitionKey(layout, partition);
  }

  /** Sends a request to any node. No answer: undefined. */
  post<T>(ask: (node: SimNode) => Promise<T>, answered: (answer: T | undefined) => void): void {
    const { time } = this.#world;
    const node = this.#world.anyNode();
    let isDone = false;
    const done = (answer: T | undefined) => {
      if (isDone) return;
      isDone = true;
      answered(answer);
    };
    time.after(4_000, this.actor, () => done(undefined));
    if (node === undefined || this.isCut || time.random.chance(0.03)) return;
    time.after(time.latency(), node, () => {
      void ask(node).then(
        (answer) => {
          if (this.isCut || time.random.chance(0.03)) return;
          time.after(time.latency(), this.actor, () => done(answer));
        },
        () => {},
      );
    });
  }
}

/** Does the same as the route for members. */
export async function joinWithLog(node: SimNode, joining: Parameters<SimNode['node']['join']>[1]): Promise<Joined> {
  const key = groupKey(groupName.uid, groupName.name);
  const group = node.node.groups.known(key) ?? (await node.node.groups.read(key));
  if (group?.epoch !== joining.epoch || group.state === 'new-log') {
    await node.node.change(groupName, 'leave', (draft) => meetLog(draft, joining.epoch));
  }
  return node.node.join(groupName, joining);
}

function closed({ node, session }: Connection): void {
  if (session !== undefined) node.node.disconnected(session);
}
