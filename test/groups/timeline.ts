import type { Random } from '../support/random.ts';

/** A participant with its own clock, which can freeze or end while time passes. */
export type Actor = {
  isAlive: boolean;
  isPaused: boolean;
  readonly waiting: (() => void)[];
  /** Rate of its monotonic clock relative to true time. */
  readonly rate: number;
  readonly offset: number;
};

type Entry = {
  readonly at: number;
  readonly order: number;
  readonly actor: Actor | undefined;
  readonly run: () => void;
};

/** Virtual time: a queue of future actions. Promises that actors started settle before time advances. */
export class Timeline {
  readonly random: Random;
  now = 0;
  /** Number of actions so far. */
  count = 0;
  /** Ends the run. For problems found where an exception would be lost. */
  failure: unknown;
  readonly #heap: Entry[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  actor(): Actor {
    const rate = 0.97 + this.random.int(0, 60_000) / 1_000_000;
    return { isAlive: true, isPaused: false, waiting: [], rate, offset: this.random.int(0, 1_000_000) };
  }

  /** Runs an action later; for an actor only if it is alive by then, and once it is not frozen. */
  after(ms: number, actor: Actor | undefined, run: () => void): void {
    this.at(this.now + Math.max(0, ms), actor, run);
  }

  at(at: number, actor: Actor | undefined, run: () => void): void {
    this.#push({ at, order: this.count++, actor, run });
  }

  exec(actor: Actor | undefined, run: () => void): void {
    if (actor === undefined) run();
    else if (actor.isAlive && actor.isPaused) actor.waiting.push(run);
    else if (actor.isAlive) run();
  }

  pause(actor: Actor, ms: number): void {
    if (actor.isPaused || !actor.isAlive) return;
    actor.isPaused = true;
    this.after(ms, undefined, () => {
      actor.isPaused = false;
      for (const run of actor.waiting.splice(0)) this.exec(actor, run);
    });
  }

  /** Time on the actor's clock. */
  local({ rate, offset }: Actor): number {
    return offset + this.now * rate;
  }

  /** True time at which the actor's clock shows this. */
  real({ rate, offset }: Actor, local: number): number {
    return (local - offset) / rate;
  }

  /** A random network latency. */
  latency(): number {
    const { random } = this;
    if (random.chance(0.9)) return random.int(1, 60);
    return random.chance(0.9) ? random.int(60, 1_500) : random.int(1_500, 9_000);
  }

  async runUntil(end: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at < end; next = this.#heap[0]) {
      this.#pop();
      this.now = next.at;
      this.exec(next.actor, next.run);
      await settled();
      if (this.failure !== undefined) throw this.failure;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    heap.push(entry);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, heap[at]!)) break;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      let least = at;
      for (const child of [left, left + 1])
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Resolves when all pending promises have run. A turn of the event loop for each action would take as long as the action. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
