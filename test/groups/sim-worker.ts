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
import type { GroupEvent, MemberLink, MemberSession } from '../../src/groups/member-session.ts';
import type { Held } from '../../src/groups/ownership.ts';
import type { Floor } from '../../src/groups/partition-record.ts';
import type { SimMessage } from './sim-log.ts';
import { groupName, type SimNode } from './sim-node.ts';
import type { Actor } from './timeline.ts';
import type { World } from './world.ts';

/** What a worker does of a partition that it was given. */
type Work = Held & {
  readonly size: number;
  floors: readonly Floor[];
  /** Everything up to here is processed, settled by others, or held. */
  done: number;
  acked: number;
  /** Streams that wait, with the position they wait at. */
  readonly held: Map<number, number>;
  /** The highest position of each stream that was processed in this generation. */
  readonly processed: Map<number, number>;
  /** Held streams that are to be tried now. */
  readonly retries: Map<number, number>;
  isRunning: boolean;
  isAsking: boolean;
};

type Connection = { readonly node: SimNode; session: MemberSession | undefined; isClosed: boolean; last: number };

/** A worker process that keeps to the rules of its deadline book. */
export class SimWorker {
  readonly actor: Actor;
  readonly name: string;
  book: DeadlineBook = emptyBook;
  isCut = false;
  isLeaving = false;
  /** A process of its name took its place. */
  isSucceeded = false;
  readonly #world: World;
  readonly #works = new Map<PartitionKey, Work>();
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

  /** Whether it may start a handler of the stream now. */
  claims(stream: number): boolean {
    const nowMs = this.#world.time.local(this.actor) + 1e-3;
    return this.#works
      .values()
      .some((work) => this.#world.log.owner(stream, work.size) === work.partition && mayStart(this.book, work, nowMs));
  }

  /** The process is gone. */
  kill(): void {
    const { time } = this.#world;
    this.actor.isAlive = false;
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.isClosed = true;
    // Sometimes nobody learns of it.
    if (time.random.chance(0.7)) time.after(time.random.int(1, 500), connection.node, () => closed(connection));
  }

  /** Its connection breaks. */
  cut(): void {
    if (this.#connection !== undefined) this.#close(this.#connection);
  }

  /** The process of a node is gone, and what was connected to it. */
  lostNode(node: Actor): void {
    for (const connection of this.#connections) if (connection.node === node) this.#ended(connection);
  }

  /** Starts nothing more, finishes what runs, and goes. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.book = leaving(this.book);
    this.#goWhenDone();
  }

  /** Does what may be done now. */
  step(): void {
    for (const work of [...this.#works.values()]) this.#stepWork(work);
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
      this.#post(
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
    const connection: Connection = { node, session: undefined, isClosed: false, last: 0 };
    this.#connections.add(connection);
    const link = this.#link(connection, attempt);
    time.after(time.latency(), node, () => {
      const joining = { member: this.name, session, attempt, address: undefined, link };
      void node.node.join(groupName, joining).then(
        (outcome) => {
          if (outcome.outcome === 'joined') connection.session = outcome.session;
          if (connection.isClosed) closed(connection);
        },
        () => {},
      );
    });
  }

  /** The stream of events of a connection, which keeps their order. */
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
    { session, leaseMs }: Extract<GroupEvent, { event: 'joined' }>['data'],
  ): void {
    if (this.#connection !== undefined || this.book.attempt !== attempt || this.isLeaving) {
      this.#close(connection);
      return;
    }
    this.#connection = connection;
    if (this.book.session !== session) {
      this.#works.clear();
      this.#world.noteSession(this);
    }
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
      this.#post(
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
        // Told late, or held again by a request that was repeated.
        else if (processed >= position) work?.retries.set(stream, processed);
      }
    }
  }

  #assigned(data: Extract<GroupEvent, { event: 'assigned' }>['data']): void {
    const { book, action } = assigned(this.book, data);
    this.book = book;
    if (action === 'release') this.#release(data, 0);
    if (action !== 'start') return;
    const { layout, partition, generation, size, position, floors, held } = data;
    this.#works.set(keyOf(data), {
      layout,
      partition,
      generation,
      size,
      floors,
      done: position,
      acked: position,
      held: new Map(held.map(({ stream, position: at }) => [this.#world.log.indexOf(stream), at])),
      // What lies before a held message is settled, also where the checkpoint lies before it.
      processed: new Map(held.map(({ stream, position: at }) => [this.#world.log.indexOf(stream), at - 1])),
      retries: new Map(),
      isRunning: false,
      isAsking: false,
    });
  }

  #stepWork(work: Work): void {
    const { time, log } = this.#world;
    if (work.isRunning || !this.#isOurs(work)) return;
    if (this.book.assignments.get(keyOf(work))?.isRevoked === true) {
      this.#works.delete(keyOf(work));
      this.book = released(this.book, work);
      this.#release(work, work.done);
      return;
    }
    if (!mayStart(this.book, work, time.local(this.actor))) return;
    const [retry] = work.retries;
    if (retry !== undefined) {
      const [stream, position] = retry;
      // Another retry may come before this one is over.
      work.retries.delete(stream);
      const message = log.message(stream, position);
      const processed = work.processed.get(stream) ?? -1;
      if (message === undefined || processed >= position) this.#settle(work, stream, Math.max(position, processed));
      else this.#handle(work, message, true);
      return;
    }
    for (let at = work.done; at < log.head; at++) {
      const message = log.messages[at]!;
      const isForeign = log.owner(message.stream, work.size) !== work.partition || log.isSettled(work.floors, message);
      const isProcessed = message.position <= (work.processed.get(message.stream) ?? -1);
      if (isForeign || isProcessed || work.held.has(message.stream)) work.done = message.globalPosition;
      else {
        this.#handle(work, message, false);
        return;
      }
    }
    this.#acknowledge(work);
  }

  #handle(work: Work, message: SimMessage, isRetry: boolean): void {
    const { time, log } = this.#world;
    this.#world.checkStart(this, message.stream);
    work.isRunning = true;
    const { random } = time;
    const ms = !this.#world.isTroubled || random.chance(0.9) ? random.int(5, 400) : random.int(400, 20_000);
    time.after(ms, this.actor, () => {
      if (message.failures > 0) {
        message.failures--;
        this.#hold(work, message);
        return;
      }
      work.isRunning = false;
      log.take(message, work.generation);
      work.processed.set(message.stream, message.position);
      if (isRetry) this.#settle(work, message.stream, message.position);
      else work.done = Math.max(work.done, message.globalPosition);
      this.#acknowledge(work);
      this.step();
    });
  }

  /** Asks until it is held; the checkpoint must not pass the message before. */
  #hold(work: Work, { stream, position, globalPosition, failures }: SimMessage): void {
    const { time } = this.#world;
    const isParked = failures === Number.POSITIVE_INFINITY;
    const retryAtMs = isParked ? undefined : time.now + time.random.int(100, 8_000);
    const failure = { stream: this.#world.log.nameOf(stream), position, globalPosition, error: 'failed', retryAtMs };
    // From now on, since its retry may come before the answer.
    work.held.set(stream, position);
    let tries = 0;
    const ask = () => {
      if (tries++ > 0) this.#world.log.mayRepeat(stream, position);
      this.#post(
        ({ node }) => node.partitions.hold(this.#key(work), work.generation, failure),
        (outcome) => {
          if (!this.#isOurs(work)) return;
          if (outcome === undefined) ask();
          else if (outcome === 'too-many') throw new Error('more streams are held than there are');
          else if (outcome.outcome === 'fenced') this.#fenced(work);
          else {
            work.isRunning = false;
            this.step();
          }
        },
      );
    };
    ask();
  }

  /** Settles a held stream up to a position. Until that is answered nothing of the stream is passed by. */
  #settle(work: Work, stream: number, position: number): void {
    work.isRunning = true;
    const upTo = work.done;
    const ask = () =>
      this.#post(
        ({ node }) =>
          node.partitions.settle(
            this.#key(work),
            work.generation,
            { stream: this.#world.log.nameOf(stream), position },
            async (passed) => this.#world.log.nextOf(stream, position, Math.max(passed, upTo)),
          ),
        (outcome) => {
          if (!this.#isOurs(work)) return;
          if (outcome === undefined) ask();
          else if (outcome.outcome === 'fenced') this.#fenced(work);
          else {
            const held = outcome.record.held.find((other) => other.stream === this.#world.log.nameOf(stream));
            work.isRunning = false;
            if (held === undefined) work.held.delete(stream);
            else {
              work.held.set(stream, held.position);
              if (held.retryAtMs !== undefined && held.retryAtMs <= this.#world.time.now)
                work.retries.set(stream, held.position);
            }
            this.step();
          }
        },
      );
    ask();
  }

  #acknowledge(work: Work): void {
    const { time } = this.#world;
    if (work.isAsking || work.done <= work.acked) return;
    work.isAsking = true;
    const position = work.done;
    time.after(time.random.int(0, 200), this.actor, () =>
      this.#post(
        ({ node }) => node.partitions.acknowledge(this.#key(work), work.generation, position),
        (outcome) => {
          work.isAsking = false;
          if (!this.#isOurs(work)) return;
          if (outcome?.outcome === 'fenced') {
            this.#fenced(work);
            return;
          }
          if (outcome !== undefined) {
            work.acked = Math.max(work.acked, position);
            work.floors = work.floors.filter(({ upTo }) => upTo > position);
          }
          this.#acknowledge(work);
        },
      ),
    );
  }

  #release(held: Held, position: number): void {
    const { session } = this.book;
    const ask = (tries: number) => {
      if (tries === 60 || session === undefined || this.book.session !== session) return;
      this.#post(
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

  #fenced(work: Work): void {
    this.#works.delete(keyOf(work));
    this.book = fenced(this.book, work);
  }

  #isOurs(work: Work): boolean {
    return this.#works.get(keyOf(work)) === work;
  }

  #key({ layout, partition }: Held): string {
    return this.#world.partitionKey(layout, partition);
  }

  /** A request to any node; no answer: undefined. */
  #post<T>(ask: (node: SimNode) => Promise<T>, answered: (answer: T | undefined) => void): void {
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

function closed({ node, session }: Connection): void {
  if (session !== undefined) node.node.disconnected(session);
}
