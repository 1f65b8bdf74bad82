import { type Group, newGroup } from '../../src/groups/group.ts';
import type { GroupTimes } from '../../src/groups/group-times.ts';
import { evict } from '../../src/groups/membership.ts';
import { relayout, reset, setRunning } from '../../src/groups/ownership.ts';
import { groupKey, partitionKey } from '../../src/groups/record-keys.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';
import { Random } from '../support/random.ts';
import { type SimLog, streamCount } from './sim-log.ts';
import { SimLogs } from './sim-logs.ts';
import { groupName, type SimNode, startNode } from './sim-node.ts';
import { SimRecords } from './sim-records.ts';
import { SimWorker } from './sim-worker.ts';
import { type Actor, Timeline } from './timeline.ts';

const troubleMs = 180_000;
/** How long until everything must be consistent, checked at this interval. */
const quietMs = 200_000;
const mostLooks = 3;
const firstSize = 4;
const groupId = 'group';

export type SimOptions = {
  readonly seed: number;
  readonly handOverMs: number;
  /** Share of messages whose handlers succeed at once. Default: 0.93. */
  readonly healthyShare?: number | undefined;
  /** Creates workers; by default simulated ones. */
  readonly newWorker?: ((world: World, name: string) => WorldWorker) | undefined;
};

/** A worker process, as the world treats it. */
export type WorldWorker = {
  readonly actor: Actor;
  readonly name: string;
  readonly session: string | undefined;
  readonly isLeaving: boolean;
  /** Another process has taken over its name. */
  isSucceeded: boolean;
  /** Whether it may currently start a handler of the stream. */
  claims(stream: number): boolean;
  /** Performs the currently permitted actions. */
  step(): void;
  freeze(ms: number): void;
  /** Ends the process. */
  kill(): void;
  /** Breaks its connections. */
  cut(): void;
  /** Starts nothing more, finishes running handlers, and leaves. */
  leave(): void;
  /** Whether its network is cut. */
  set isCut(isCut: boolean);
  /** A node's process ended, with all its connections. */
  lostNode(node: Actor): void;
  /** A node has learned of another log, and ends connections for the former one. */
  logReplaced(node: SimNode): void;
};

/** Counts of what happened in a run. */
export type SimCounts = Record<string, number>;

/** One group with nodes, workers and messages, in which random faults happen for three minutes, and none afterwards. */
export class World {
  readonly time: Timeline;
  readonly logs: SimLogs;
  readonly times: GroupTimes;
  readonly counts: SimCounts = {};
  /** The last actions of the handlers of each stream. */
  readonly actions = new Map<string, string[]>();
  isTroubled = true;
  readonly #store = new MemoryGroups();
  readonly #nodes: SimNode[] = [];
  readonly #workers: WorldWorker[] = [];
  readonly #healthyShare: number;
  readonly #newWorker: (world: World, name: string) => WorldWorker;
  readonly #random: Random;
  #ids = 0;
  #names = 0;

  constructor(options: SimOptions) {
    const { seed, handOverMs, healthyShare = 0.93, newWorker = (world, name) => new SimWorker(world, name) } = options;
    this.#healthyShare = healthyShare;
    this.#newWorker = newWorker;
    this.#random = new Random(seed);
    this.time = new Timeline(this.#random);
    this.logs = new SimLogs(this.#random);
    this.times = { leaseMs: 15_000, beatMs: 3_000, renewMs: 4_500, nodeTtlMs: 20_000, turnMs: 1_000, handOverMs };
  }

  /** The log of the namespace. */
  get log(): SimLog {
    return this.logs.current;
  }

  /** Runs everything; throws if a promise is broken. */
  async run(): Promise<void> {
    const { time } = this;
    const random = this.#random;
    const group = newGroup(groupId, {
      category: 's',
      options: { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 },
      epoch: this.log.epoch,
      size: firstSize,
      generation: 0,
      position: 0,
    });
    await this.#store.write([
      { key: groupKey(groupName.uid, groupName.name), revision: 0, text: JSON.stringify(group), isQuiet: false },
    ]);
    const records = new SimRecords(this.#store, this.logs, group, (error) => {
      time.failure ??= error;
    });
    for (let left = random.int(1, 3); left > 0; left--) this.#startNode();
    time.after(500, undefined, () => {
      for (let left = random.int(1, 4); left > 0; left--) this.#startWorker();
    });
    const look = () => {
      for (const worker of this.#workers) time.exec(worker.actor, () => worker.step());
      time.after(500, undefined, look);
    };
    look();
    this.#produce();
    time.after(4_000, undefined, () => this.#fault());
    time.after(troubleMs + 1_000, undefined, () => this.#heal());
    // A member may join or leave at that moment, because names are retried.
    for (let looks = 1; ; looks++) {
      await time.runUntil(troubleMs + looks * quietMs);
      try {
        await records.checkEnd();
        this.counts.messages = this.log.head;
        this.counts.events = time.count;
        this.counts['refused by the sink'] = this.logs.sum(({ refused }) => refused);
        this.counts.repeated = this.logs.sum(({ repeated }) => repeated);
        for (const { feed } of this.#nodes) {
          this.count('pokes', feed.used);
          this.count('pokes without credit', feed.refused);
        }
        return;
      } catch (error) {
        if (looks === mostLooks) throw error;
      }
    }
  }

  anyNode(): SimNode | undefined {
    const alive = this.#nodes.filter(({ isAlive }) => isAlive);
    return alive.length === 0 ? undefined : this.#random.pick(alive);
  }

  partitionKey(layout: number, partition: number): string {
    return partitionKey(groupName.uid, groupId, layout, partition);
  }

  /** A handler is about to start. */
  checkStart(worker: WorldWorker, stream: number): void {
    this.count('handlers');
    if (worker.isSucceeded) return;
    for (const other of this.#workers) {
      if (other === worker || !other.actor.isAlive || other.isSucceeded || !other.claims(stream)) continue;
      throw new Error(
        `two owners of stream ${stream}: ${worker.name}/${worker.session} and ${other.name}/${other.session}`,
      );
    }
  }

  /** A worker got a session; another process with its name may have had the previous one. */
  noteSession(worker: WorldWorker): void {
    for (const other of this.#workers) if (other !== worker && other.name === worker.name) other.isSucceeded = true;
  }

  noteFenced(): void {
    this.count('ended by the server');
  }

  count(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }

  #startNode(): void {
    this.#nodes.push(startNode(this.time, this.#store, this.logs, this.times, () => `i${this.#ids++}`));
  }

  #startWorker(name = `w${this.#names++}`): void {
    this.#workers.push(this.#newWorker(this, name));
  }

  #produce(): void {
    const random = this.#random;
    const isHealthy = !this.isTroubled || random.chance(this.#healthyShare);
    const failures = isHealthy ? 0 : random.chance(0.8) ? random.int(1, 3) : Number.POSITIVE_INFINITY;
    const { log } = this;
    const message = log.append(random.int(0, streamCount - 1), failures);
    for (const node of this.#nodes) this.time.after(this.time.latency(), node, () => node.feed.announce(log, message));
    if (this.time.now < troubleMs) this.time.after(random.int(50, 1_500), undefined, () => this.#produce());
  }

  #fault(): void {
    const { time } = this;
    const random = this.#random;
    if (time.now > troubleMs) return;
    const workers = this.#workers.filter(({ actor, isLeaving }) => actor.isAlive && !isLeaving);
    const worker = workers.length === 0 ? undefined : random.pick(workers);
    const node = this.anyNode();
    this.count('faults');
    switch (random.int(0, 18)) {
      case 0:
        if (workers.length < 7) this.#startWorker();
        break;
      case 1:
        if (worker !== undefined) {
          this.count('kills');
          worker.kill();
          if (random.chance(0.7)) time.after(random.int(100, 8_000), undefined, () => this.#startWorker(worker.name));
        }
        break;
      case 2:
      case 3:
        if (worker !== undefined) {
          this.count('stops of workers');
          worker.freeze(random.int(500, 45_000));
          if (random.chance(0.2)) this.#startWorker(worker.name);
        }
        break;
      case 4:
        if (worker !== undefined && workers.length > 1) {
          this.count('leaves');
          time.exec(worker.actor, () => worker.leave());
          const name = random.chance(0.5) ? worker.name : undefined;
          if (random.chance(0.6)) time.after(random.int(500, 6_000), undefined, () => this.#startWorker(name));
        }
        break;
      case 5:
        if (node !== undefined) this.#crash(node);
        break;
      case 6:
      case 7:
        if (node !== undefined) {
          this.count('stops of nodes');
          time.pause(node, random.int(500, 30_000));
        }
        break;
      case 8:
      case 9:
        if (node !== undefined) {
          this.count('cuts from the store');
          node.store.isCut = true;
          time.after(random.int(500, 25_000), undefined, () => {
            node.store.isCut = false;
          });
        }
        break;
      case 10:
        if (worker !== undefined) time.exec(worker.actor, () => worker.cut());
        break;
      case 11:
        if (random.chance(0.5)) this.#relayout(random.pick([2, 3, 4, 6, 8]));
        break;
      case 12:
        if (worker !== undefined) {
          this.count('cuts of workers');
          worker.isCut = true;
          time.after(random.int(500, 30_000), undefined, () => {
            worker.isCut = false;
          });
        }
        break;
      case 13:
        if (worker !== undefined && random.chance(0.5)) {
          this.count('evictions');
          this.#change((group) => evict(group, worker.name));
        }
        break;
      case 14:
        if (random.chance(0.3)) {
          this.count('group stops');
          this.#run(false);
          time.after(random.int(500, 20_000), undefined, () => this.#run(true));
        }
        break;
      case 15:
        this.#administer(random.chance(0.5) ? 'replay' : 'skip');
        break;
      case 16:
        if (random.chance(0.3)) {
          this.count('retentions');
          this.log.forget(random.int(Math.max(0, this.log.head - 40), this.log.head));
        }
        break;
      case 17:
        if (random.chance(0.3)) this.#reset();
        break;
      case 18:
        if (random.chance(0.3)) this.#replaceLog();
    }
    time.after(random.int(200, 9_000), undefined, () => this.#fault());
  }

  #crash(node: Actor): void {
    this.count('crashes of nodes');
    const { time } = this;
    node.isAlive = false;
    for (const worker of this.#workers) {
      time.after(this.#random.int(1, 200), worker.actor, () => worker.lostNode(node));
    }
    time.after(this.#random.int(100, 4_000), undefined, () => {
      if (this.#nodes.filter(({ isAlive }) => isAlive).length < 4) this.#startNode();
    });
  }

  #run(isRunning: boolean): void {
    this.#change((group, { epoch }) => group.epoch === epoch && setRunning(group, isRunning));
  }

  #relayout(size: number): void {
    this.#change(
      (group, { epoch }) => group.epoch === epoch && group.size !== size && relayout(group, size, { from: 'previous' }),
      'resizes',
    );
  }

  /** An import replaces the log: nodes learn of it one after another, and an administrator resets the group. */
  #replaceLog(): void {
    const { time } = this;
    const random = this.#random;
    this.count('replacements of the log');
    this.logs.replace();
    for (const node of this.#nodes) {
      time.after(random.chance(0.7) ? random.int(1, 300) : random.int(300, 5_000), node, () => {
        node.epoch = this.log.epoch;
        for (const worker of this.#workers) worker.logReplaced(node);
      });
    }
    time.after(random.int(100, 20_000), undefined, () => this.#reset());
  }

  /** Resets all or some partitions to another position. */
  #reset(): void {
    const random = this.#random;
    const back = random.int(0, 80);
    const isMeant = random.chance(0.5) ? undefined : random.int(0, 1);
    this.#change((group, { epoch }) => {
      const all = [...group.partitions.keys()];
      const partitions = isMeant === undefined ? undefined : all.filter((index) => index % 2 === isMeant);
      const position = Math.max(0, this.logs.of(epoch).head - back);
      return reset(group, { epoch, position, partitions });
    }, 'resets');
  }

  #change(edit: (group: Group, node: SimNode) => boolean, counted?: string): void {
    const node = this.anyNode();
    if (node === undefined) return;
    this.time.exec(node, () => {
      void node.node
        .change(groupName, 'resize', (group) => edit(group, node))
        .then(
          ({ isChanged }) => {
            if (isChanged && counted !== undefined) this.count(counted);
          },
          () => {},
        );
    });
  }

  /** Repairs and retries parked streams, or skips their messages. */
  #administer(how: 'replay' | 'skip'): void {
    const node = this.anyNode();
    if (node === undefined) return;
    this.time.exec(node, () => {
      const watched = [...node.node.watched][0];
      if (watched === undefined) return;
      const log = this.logs.of(watched.group.epoch);
      for (const partition of watched.group.partitions.keys()) {
        const key = this.partitionKey(watched.group.layout, partition);
        const parked = node.node.partitions.known(key)?.held.filter(({ retryAtMs }) => retryAtMs === undefined) ?? [];
        if (parked.length === 0) continue;
        for (const { stream, position } of parked) {
          const number = log.indexOf(stream);
          const message = log.message(number, position);
          if (message === undefined) continue;
          message.failures = 0;
          if (how === 'skip') log.skip(number, position);
        }
        void node.node.partitions
          .administer(
            key,
            how,
            parked.map(({ stream, position }) => ({ stream, position })),
          )
          .then(
            (streams) => this.count(`${how}s of ${streams.length}`),
            () => {},
          );
      }
    });
  }

  #heal(): void {
    this.isTroubled = false;
    for (const { store } of this.#nodes) store.isCut = false;
    for (const worker of this.#workers) worker.isCut = false;
    if (!this.#nodes.some(({ isAlive }) => isAlive)) this.#startNode();
    this.#startWorker('last');
    this.#run(true);
    for (const message of this.log.messages) if (message.failures > 0) message.failures = 0;
    const replay = () => {
      this.#run(true);
      this.#change(
        (group, { epoch }) => group.epoch !== epoch && reset(group, { epoch, position: 0, partitions: undefined }),
      );
      this.#administer('replay');
      this.time.after(5_000, undefined, replay);
    };
    replay();
  }
}
