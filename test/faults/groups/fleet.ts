import { groupTimes } from '../../../src/groups/group-times.ts';
import type { Random } from '../../support/random.ts';
import { type Background, drawMs } from './background.ts';
import type { Handled } from './messages.ts';
import { type Membership, type WorkerOptions, WorkerProcess } from './worker-process.ts';

export type FleetOptions = {
  readonly groups: readonly string[];
  readonly processes: number;
  /** Bounds of the number of members in a group. */
  readonly fewestMembers: number;
  readonly mostMembers: number;
  /** Longest time that a process is frozen or cut off, milliseconds. */
  readonly longestMs: number;
  /** Whether a newer owner has written to the stream of this handler. */
  readonly isTakenOver: (handled: Handled) => boolean;
};

/** Longest time for which the share of a former member is reserved. */
const mostKeepMs = 8_000;
const mostAwayMs = 10_000;
/** A killed process is restarted within this time. */
const restartMs = 3_000;
/** Longest time that a handler is frozen. There may be no other member to take over. */
const mostFrozenMs = 3 * groupTimes.leaseMs;
const lookMs = 100;

/** Processes with members of groups, and faults of these processes. Close it by `await using`. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #background: Background;
  readonly #workers: readonly WorkerProcess[];
  /** Names whose process was killed and that have not rejoined, with their groups and the time of the kill. */
  readonly #orphans = new Map<string, { readonly group: string; readonly atMs: number }>();
  #names = 0;

  static async start(options: FleetOptions, background: Background, of: WorkerOptions): Promise<Fleet> {
    const workers = await Promise.all(Array.from({ length: options.processes }, () => WorkerProcess.start(of)));
    return new Fleet(options, background, workers);
  }

  private constructor(options: FleetOptions, background: Background, workers: readonly WorkerProcess[]) {
    this.#options = options;
    this.#background = background;
    this.#workers = workers;
  }

  get members(): Membership[] {
    return this.#workers.flatMap(({ memberships }) => memberships.filter(({ isLeaving }) => !isLeaving));
  }

  /** Adds a member. Returns false if its group has enough. */
  join(random: Random): boolean {
    const group = random.pick(this.#options.groups);
    const worker = this.#pick(random, ({ isStopped }) => !isStopped);
    if (worker === undefined || this.#membersOf(group) >= this.#options.mostMembers) return false;
    worker.join({ group, member: this.#newName() });
    return true;
  }

  /**
   * Makes a member leave. Sometimes its share is reserved for its name, under which a member of another process joins.
   */
  leave(random: Random): boolean {
    const [isKept, worker] = [random.chance(0.3), this.#pick(random, ({ isStopped }) => !isStopped)];
    const [keepMs, awayMs] = [isKept ? random.int(500, mostKeepMs) : 0, random.int(0, mostAwayMs)];
    const leaving = worker?.memberships.filter(({ isLeaving }) => !isLeaving) ?? [];
    if (leaving.length === 0) return false;
    const member = random.pick(leaving);
    if (this.#membersOf(member.group) <= this.#options.fewestMembers) return false;
    worker!.leave(member, keepMs);
    if (isKept) {
      this.#background.run(async () => {
        await member.gone;
        await this.#background.pause(awayMs);
        this.#pick(random, ({ isStopped }) => !isStopped)?.join(member);
      });
    }
    return true;
  }

  /** Kills a process with all its members and restarts it; some of them rejoin under their names. */
  kill(random: Random): boolean {
    const worker = this.#pick(random);
    const [awayMs, share] = [random.int(0, restartMs), random.pick([0, 0.5, 1, 1])];
    if (worker === undefined) return false;
    this.#background.run(async () => {
      // Members that were leaving rejoin only after they have left, if at all.
      const killed = (await worker.kill()).filter(({ isLeaving }) => !isLeaving);
      const atMs = performance.now();
      for (const { group, member } of killed) this.#orphans.set(member, { group, atMs });
      await this.#background.pause(awayMs);
      worker.run();
      for (const { group, member } of killed) if (random.chance(share)) this.#rejoin(worker, member, group);
    });
    return true;
  }

  /** Freezes a process. At most half of them are frozen. */
  stop(random: Random): boolean {
    const worker = this.#pick(random, ({ isStopped }) => !isStopped);
    if (worker === undefined || this.#isHalfStopped) return false;
    const goOn = worker.stop();
    this.#background.run(async () => {
      await this.#background.pause(drawMs(random, this.#options.longestMs));
      goOn();
    });
    return true;
  }

  /**
   * Freezes a process inside a handler, before it writes, until the stream's next owner has written. Resolves to whether the handler
   * wrote after that. At most half of the processes are frozen.
   */
  stopInHandler(random: Random): false | Promise<boolean> {
    const worker = this.#pick(random, ({ isStopped, memberships }) => !isStopped && memberships.length > 0);
    if (worker === undefined || this.#isHalfStopped) return false;
    return this.#freezeInHandler(worker);
  }

  /** Cuts a process off from all nodes. At most half of them are cut off. */
  cutOff(random: Random): boolean {
    const worker = this.#pick(random, ({ front }) => !front.isCut);
    const cut = this.#workers.filter(({ front }) => front.isCut).length;
    if (worker === undefined || cut >= this.#workers.length / 2) return false;
    worker.front.cut();
    this.#background.run(async () => {
      await this.#background.pause(drawMs(random, this.#options.longestMs));
      worker.front.mend();
    });
    return true;
  }

  /** Closes all connections of a process. */
  reset(random: Random): boolean {
    const worker = this.#pick(random, ({ front }) => !front.isCut);
    worker?.front.reset();
    return worker !== undefined;
  }

  /** Restarts killed processes, so that nothing waits for their leases, and ensures that each group has members. */
  heal(): void {
    const workers = this.#workers.filter(({ isAlive }) => isAlive);
    let next = 0;
    const another = () => workers[next++ % workers.length]!;
    const expiredMs = performance.now() - 2 * groupTimes.leaseMs;
    for (const [member, { group, atMs }] of this.#orphans) if (atMs > expiredMs) this.#rejoin(another(), member, group);
    for (const group of this.#options.groups)
      for (let count = this.#membersOf(group); count < 2; count++) another().join({ group, member: this.#newName() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }

  async #freezeInHandler(worker: WorkerProcess): Promise<boolean> {
    const frozen = await worker.stopInHandler(this.#background.healing);
    if (frozen === undefined) return false;
    const untilMs = performance.now() + mostFrozenMs;
    while (performance.now() < untilMs && !this.#background.healing.aborted) {
      if (this.#options.isTakenOver(frozen.handled)) break;
      await this.#background.pause(lookMs);
    }
    return frozen.goOn();
  }

  get #isHalfStopped(): boolean {
    return this.#workers.filter(({ isStopped }) => isStopped).length >= this.#workers.length / 2;
  }

  #rejoin(worker: WorkerProcess, member: string, group: string): void {
    this.#orphans.delete(member);
    worker.join({ group, member });
  }

  #membersOf(group: string): number {
    return this.members.filter((member) => member.group === group).length;
  }

  #newName(): string {
    return `worker-${this.#names++}`;
  }

  /** One of the running processes. */
  #pick(random: Random, holds: (worker: WorkerProcess) => boolean = () => true): WorkerProcess | undefined {
    const workers = this.#workers.filter((worker) => worker.isAlive && holds(worker));
    return workers.length === 0 ? undefined : random.pick(workers);
  }
}
