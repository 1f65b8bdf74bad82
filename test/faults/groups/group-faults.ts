import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Pokewire } from '../../../src/client/client.ts';
import { Front } from '../../support/nodes/front.ts';
import { Random, type Weighted } from '../../support/random.ts';
import { Background } from './background.ts';
import { Fleet } from './fleet.ts';
import { GroupSink } from './group-sink.ts';
import type { Handled } from './messages.ts';
import { Site } from './site.ts';
import type { GroupStore } from './stores.ts';
import type { WorkerOptions } from './worker-process.ts';

/** A fault of members, nodes or the store. */
export type FaultName =
  | 'join'
  | 'leave'
  | 'kill'
  | 'stop'
  | 'stop in a handler'
  | 'cut off'
  | 'reset'
  | 'resize'
  | 'evict'
  | 'node crash'
  | 'node stop'
  | 'store cut';

/** Frequency of each fault, per thousand. */
export const faultMix: Weighted<FaultName> = [
  [384, 'join'],
  [326, 'leave'],
  [60, 'stop'],
  [50, 'resize'],
  [40, 'kill'],
  [40, 'reset'],
  [30, 'cut off'],
  [30, 'stop in a handler'],
  [14, 'evict'],
  [10, 'node crash'],
  [10, 'store cut'],
  [6, 'node stop'],
];

export type GroupFaultsOptions = {
  readonly store: GroupStore;
  readonly mix: Weighted<FaultName>;
  /** Called before each fault; true ends the run. */
  readonly isEnough: (run: GroupFaults) => boolean;
  /** Mean faults per second. */
  readonly rate: number;
  readonly groups: number;
  readonly processes: number;
  readonly mostMembers: number;
  /** Longest time that a process is frozen, milliseconds. */
  readonly longestMs: number;
  /** Longest duration of a handler, milliseconds. */
  readonly slowMs: number;
  /** Mean time between two appends, milliseconds. */
  readonly appendEveryMs: number;
  readonly seed: number;
};

type Described = {
  readonly state: string;
  readonly members: readonly { readonly partitions: readonly number[] }[];
  readonly partitions: readonly { readonly held: number; readonly lag: { readonly messages: number } }[];
};

const category = 'order';
const streams = Array.from({ length: 40 }, (_value, n) => `${category}-${n % 30}${n < 30 ? '' : '+part'}`);
const firstSize = 6;
const writers = 2;
/** Time after the last fault within which everything must be in order: leases, hand-overs and back-offs end. */
const settleMs = 180_000;
const lookMs = 250;
const mostProblems = 20;

/**
 * Groups whose members, nodes and store suffer one fault after another, while messages are appended and every handler
 * is judged.
 */
export class GroupFaults {
  /** How often each fault has happened. */
  readonly happened = new Map<FaultName, number>();
  readonly sinks: ReadonlyMap<string, GroupSink>;
  readonly problems: string[] = [];
  problemCount = 0;
  failedAttempts = 0;
  /** Number of messages in each stream. */
  readonly #appended = new Map<string, number>();
  readonly #options: GroupFaultsOptions;
  readonly #background = new Background((error) => this.#problem(`a fault could not be made or ended: ${error}`));

  constructor(options: GroupFaultsOptions) {
    this.#options = options;
    this.sinks = new Map(Array.from({ length: options.groups }, (_value, n) => [`group-${n}`, new GroupSink()]));
  }

  get faults(): number {
    return this.happened.values().reduce((sum, count) => sum + count, 0);
  }

  /** Number of messages, each of which every group must handle. */
  get appended(): number {
    return this.#appended.values().reduce((sum, count) => sum + count, 0);
  }

  sum(of: (sink: GroupSink) => number): number {
    return this.sinks.values().reduce((sum, sink) => sum + of(sink), 0);
  }

  /** Number of writes with an old generation that the sinks refused. */
  get refused(): number {
    return this.sum(({ writes }) => writes.refused);
  }

  /** Number of messages that a group has not handled, over all groups. */
  get missing(): number {
    return this.sum((sink) => sink.missing(this.#appended));
  }

  get breaches(): string[] {
    return [...this.sinks].flatMap(([group, { writes, breaches }]) =>
      [...writes.breaches, ...breaches].map((text) => `${group}: ${text}`),
    );
  }

  /**
   * Resolves when the faults are over, or the signal aborts, and everything is in order or the time for that is over.
   */
  async run(early: AbortSignal): Promise<void> {
    const { store, longestMs, mostMembers, processes } = this.#options;
    const background = this.#background;
    await using closing = new AsyncDisposableStack();
    const crashed = (how: string) => this.#problem(`a node ended by itself, ${how}`);
    const site = closing.use(await Site.start({ store, background, longestMs, crashed }));
    const front = closing.use(await Front.open(site.ports));
    const pokewire = connect(front.url, { retry: { minMs: 50, maxMs: 500 } });
    await this.#createGroups(front.url);
    const groups = [...this.sinks.keys()];
    const isTakenOver = ({ group, stream, generation }: Handled) =>
      this.sinks.get(group)!.writes.generation(stream) > generation;
    const fleetOptions = { groups, processes, fewestMembers: 2, mostMembers, longestMs, isTakenOver };
    const fleet = closing.use(await Fleet.start(fleetOptions, background, this.#workerOptions(site.ports)));
    const over = new AbortController();
    const appending = Promise.all(
      Array.from({ length: writers }, (_value, n) => this.#append(pokewire, n, over.signal)),
    );
    await Promise.race([this.#inflict(site, fleet, early), appending]);
    over.abort();
    await background.heal();
    fleet.heal();
    await appending;
    await this.#settle(pokewire);
  }

  #workerOptions(ports: readonly number[]): WorkerOptions {
    return {
      ports,
      category,
      slowMs: this.#options.slowMs,
      started: ({ id }, { group, stream, position, generation, atMs, attempt }) =>
        this.sinks.get(group)!.start({ stream, position, generation, member: id, atMs, attempt }),
      failed: (_membership, handled) => {
        this.failedAttempts++;
        this.sinks.get(handled.group)!.failed(handled);
      },
      written: (_membership, handled) => this.sinks.get(handled.group)!.write(handled),
      broke: ({ id, group }, error) => this.#problem(`${id} of ${group} ended: ${error}`),
      crashed: (how) => this.#problem(`a process of workers ${how}`),
    };
  }

  async #createGroups(url: string): Promise<void> {
    const body = JSON.stringify({ category, size: firstSize });
    for (const group of this.sinks.keys()) {
      const init = { method: 'PUT', headers: { 'content-type': 'application/json' }, body };
      const { status } = await fetch(`${url}/groups/${group}`, init);
      if (status !== 201) throw new Error(`the group ${group} was answered ${status}`);
    }
  }

  /**
   * Each draw uses its own random numbers, so that the order of faults does not depend on which ones were possible
   * before.
   */
  async #inflict(site: Site, fleet: Fleet, early: AbortSignal): Promise<void> {
    const { mix, isEnough, rate, seed } = this.#options;
    const groups = [...this.sinks.keys()];
    const inflict: Record<FaultName, (random: Random) => boolean | Promise<boolean>> = {
      join: (random) => fleet.join(random),
      leave: (random) => fleet.leave(random),
      kill: (random) => fleet.kill(random),
      stop: (random) => fleet.stop(random),
      'stop in a handler': (random) => fleet.stopInHandler(random),
      'cut off': (random) => fleet.cutOff(random),
      reset: (random) => fleet.reset(random),
      resize: (random) => site.resize(random, groups),
      evict: (random) => site.evict(random, fleet.members),
      'node crash': (random) => site.crash(random),
      'node stop': (random) => site.freeze(random),
      'store cut': (random) => site.cutStore(random),
    };
    for (let draw = 0; !isEnough(this) && !early.aborted; draw++) {
      const random = new Random(seed, draw);
      const name = random.weighted(mix);
      const gapMs = (-Math.log(1 - random.int(0, 999_999) / 1_000_000) * 1_000) / rate;
      const inflicted = inflict[name](random);
      this.#background.run(async () => {
        if (await inflicted) this.happened.set(name, (this.happened.get(name) ?? 0) + 1);
      });
      // A fault that is not possible now is replaced by another draw at once.
      await delay(inflicted === false ? 1 : gapMs, undefined, { signal: early }).catch(() => {});
    }
  }

  async #append(pokewire: Pokewire, branch: number, over: AbortSignal): Promise<void> {
    const random = new Random(this.#options.seed, -1 - branch);
    while (!over.aborted) {
      const stream = random.pick(streams);
      const messages = random.times(1, 4, () => ({ type: 'Placed', data: {} }));
      const { position } = await pokewire.append(stream, messages, { retryForMs: Number.POSITIVE_INFINITY });
      this.#appended.set(stream, Math.max(position + 1, this.#appended.get(stream) ?? 0));
      await delay(random.int(0, 2 * writers * this.#options.appendEveryMs), undefined, { signal: over }).catch(
        () => {},
      );
    }
  }

  /**
   * Waits until all messages are handled and every group is at rest; anything else after the time limit is a problem.
   */
  async #settle(pokewire: Pokewire): Promise<void> {
    const deadlineMs = performance.now() + settleMs;
    let unrest: string[] = [];
    do {
      await delay(lookMs);
      unrest = this.missing > 0 ? [`${this.missing} messages were not handled`] : await this.#unrest(pokewire);
    } while (unrest.length > 0 && performance.now() < deadlineMs);
    for (const text of unrest) this.#problem(text);
    for (const breach of this.breaches) this.#problem(breach);
  }

  async #unrest(pokewire: Pokewire): Promise<string[]> {
    const unrest: string[] = [];
    for (const group of this.sinks.keys()) {
      const { state, members, partitions } = await pokewire.get<Described>(`/groups/${group}`);
      const lag = partitions.reduce((sum, { lag }) => sum + lag.messages, 0);
      const held = partitions.reduce((sum, { held }) => sum + held, 0);
      const shares = members.map((member) => member.partitions.length);
      const isEven = Math.max(...shares) - Math.min(...shares) <= 1;
      if (state === 'stable' && lag === 0 && held === 0 && isEven) continue;
      unrest.push(`${group} is ${state}, ${lag} messages behind, holds ${held} streams, and has shares of ${shares}`);
    }
    return unrest;
  }

  #problem(text: string): void {
    this.problemCount++;
    if (this.problems.length < mostProblems) this.problems.push(text);
  }
}
