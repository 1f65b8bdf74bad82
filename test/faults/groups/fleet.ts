import { groupTimes } from '../../../src/groups/group-times.ts';
import type { Random } from '../../support/random.ts';
import { type Background, drawMs } from './background.ts';
import { type Membership, type WorkerOptions, WorkerProcess } from './worker-process.ts';

export type FleetOptions = {
  readonly groups: readonly string[];
  readonly processes: number;
  /** Bounds of the members of a group. */
  readonly fewestMembers: number;
  readonly mostMembers: number;
  /** Longest time that a process stands still or is cut off, milliseconds. */
  readonly longestMs: number;
};

/** Longest time for which the share of a member that left is kept. */
const mostKeepMs = 8_000;
const mostAwayMs = 10_000;
/** A killed process is started again within this time. */
const restartMs = 3_000;

/** Processes with members of groups, and what can happen to them. Close it by `await using`. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #background: Background;
  readonly #workers: readonly WorkerProcess[];
  /** Names whose process was killed and that did not come back, with their groups and the time of it. */
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

  /** A new member joins. False: its group has enough. */
  join(random: Random): boolean {
    const group = random.pick(this.#options.groups);
    const worker = this.#pick(random, ({ isStopped }) => !isStopped);
    if (worker === undefined || this.#membersOf(group) >= this.#options.mostMembers) return false;
    worker.join({ group, member: this.#newName() });
    return true;
  }

  /** A member leaves; now and then its share is kept for its name, under which another process joins. */
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

  /** A process is killed with all its members, and started again; some of them come back under their names. */
  kill(random: Random): boolean {
    const worker = this.#pick(random);
    const [awayMs, share] = [random.int(0, restartMs), random.pick([0, 0.5, 1, 1])];
    if (worker === undefined) return false;
    this.#background.run(async () => {
      // Those that were leaving come back when they have left, if at all.
      const killed = (await worker.kill()).filter(({ isLeaving }) => !isLeaving);
      const atMs = performance.now();
      for (const { group, member } of killed) this.#orphans.set(member, { group, atMs });
      await this.#background.pause(awayMs);
      worker.run();
      for (const { group, member } of killed) if (random.chance(share)) this.#rejoin(worker, member, group);
    });
    return true;
  }

  /** A process stands still. At most half of them do. */
  stop(random: Random): boolean {
    const worker = this.#pick(random, ({ isStopped }) => !isStopped);
    const stopped = this.#workers.filter(({ isStopped }) => isStopped).length;
    if (worker === undefined || stopped >= this.#workers.length / 2) return false;
    const goOn = worker.stop();
    this.#background.run(async () => {
      await this.#background.pause(drawMs(random, this.#options.longestMs));
      goOn();
    });
    return true;
  }

  /** A process is cut off from all nodes. At most half of them are. */
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

  /** All connections of a process are closed. */
  reset(random: Random): boolean {
    const worker = this.#pick(random, ({ front }) => !front.isCut);
    worker?.front.reset();
    return worker !== undefined;
  }

  /** Brings back those that were killed, so that nobody waits for their leases, and sees that each group has members. */
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

  /** One of those that live. */
  #pick(random: Random, holds: (worker: WorkerProcess) => boolean = () => true): WorkerProcess | undefined {
    const workers = this.#workers.filter((worker) => worker.isAlive && holds(worker));
    return workers.length === 0 ? undefined : random.pick(workers);
  }
}
