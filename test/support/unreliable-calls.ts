import { PokewireError } from '../../src/errors.ts';
import { Random } from './random.ts';

/** Clock for faults. */
export type FaultClock = {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Calls back once; the returned function cancels that. Does not keep the process alive. */
  after(ms: number, run: () => void): () => void;
};

/** The real clock. */
export const realClock: FaultClock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Faults of calls. Probabilities between 0 and 1. */
export type CallFaults = {
  /** Reads of a log take up to this long before and after they read, so that their answer may be outdated. */
  readonly slowReadMs: number;
  /** Reads of a log that fail. */
  readonly failedReads: number;
  /** Appends that are stored, but answered with a failure. */
  readonly losesAnswers: number;
  /** Mean time between outages; 0: only {@link UnreliableCalls.beginOutage} starts one. */
  readonly outageEveryMs: number;
  readonly outageMs: number;
  /** During an outage a call fails at once, or after at most this time. */
  readonly hangMs: number;
};

/** Delays calls and makes them fail, like a network. */
export class UnreliableCalls {
  /** Failed calls by reason. */
  readonly failed = { read: 0, outage: 0, lostAnswer: 0 };
  readonly #faults: CallFaults;
  readonly #clock: FaultClock;
  readonly #seed: number;
  readonly #random: Random;
  /** Ends pending waits: true to continue at once, false to fail because the store was closed. */
  readonly #waiting = new Set<(goesOn: boolean) => void>();
  #outageEndsAt = Number.NEGATIVE_INFINITY;
  #nextOutageAt: number;
  #isMended = false;

  constructor(faults: CallFaults, clock: FaultClock, seed: number) {
    this.#faults = faults;
    this.#clock = clock;
    this.#seed = seed;
    this.#random = new Random(seed, 1);
    this.#nextOutageAt = this.#outageBehind(clock.now());
  }

  get isMended(): boolean {
    return this.#isMended;
  }

  /** Whether every call fails now. */
  get isOut(): boolean {
    if (this.#isMended) return false;
    const now = this.#clock.now();
    if (now >= this.#nextOutageAt) this.beginOutage();
    return now < this.#outageEndsAt;
  }

  beginOutage(): void {
    this.#outageEndsAt = this.#clock.now() + this.#faults.outageMs;
    this.#nextOutageAt = this.#outageBehind(this.#outageEndsAt);
  }

  /** A call that fails only during an outage, before it has any effect. */
  async call<T>(run: () => Promise<T>): Promise<T> {
    if (this.isOut) await this.#failOfOutage();
    return run();
  }

  /** An append, which may be stored although its answer is a failure. */
  async append<T>(run: () => Promise<T>): Promise<T> {
    const answer = await this.call(run);
    if (!this.#isMended && this.#random.chance(this.#faults.losesAnswers)) this.#fail('lostAnswer');
    return answer;
  }

  /** A read of a log. Its answer is discarded if the read fails afterwards. */
  async read<T>(run: () => Promise<T>, discard: (answer: T) => void = () => {}): Promise<T> {
    if (this.#isMended) return run();
    if (this.isOut) await this.#failOfOutage();
    await this.#wait(this.#random.int(0, this.#faults.slowReadMs));
    const answer = await run();
    try {
      await this.#wait(this.#random.int(0, this.#faults.slowReadMs));
      if (this.isOut) await this.#failOfOutage();
      if (!this.#isMended && this.#random.chance(this.#faults.failedReads)) this.#fail('read');
      return answer;
    } catch (error) {
      discard(answer);
      throw error;
    }
  }

  /** Ends every fault: hanging calls fail now, slow ones continue. */
  mend(): void {
    this.#isMended = true;
    this.#end(true);
  }

  /** Ends pending calls, which fail. */
  close(): void {
    this.#end(false);
  }

  #end(goesOn: boolean): void {
    for (const end of [...this.#waiting]) end(goesOn);
  }

  async #failOfOutage(): Promise<never> {
    if (this.#random.chance(0.5)) await this.#wait(this.#random.int(0, this.#faults.hangMs));
    return this.#fail('outage');
  }

  async #wait(ms: number): Promise<void> {
    if (ms === 0 || this.#isMended) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (goesOn: boolean) => {
      cancel();
      this.#waiting.delete(end);
      if (goesOn) resolve();
      else reject(backendError(`the store was closed (seed ${this.#seed})`));
    };
    const cancel = this.#clock.after(ms, () => end(true));
    this.#waiting.add(end);
    return promise;
  }

  #fail(reason: keyof UnreliableCalls['failed']): never {
    this.failed[reason]++;
    throw backendError(`injected: ${reason} (seed ${this.#seed})`);
  }

  #outageBehind(timeMs: number): number {
    const { outageEveryMs } = this.#faults;
    if (outageEveryMs === 0) return Number.POSITIVE_INFINITY;
    return timeMs + this.#random.int(outageEveryMs / 2, outageEveryMs * 1.5);
  }
}

function backendError(cause: string): PokewireError {
  return new PokewireError('BACKEND_ERROR', 'The store failed.', { cause: new Error(cause) });
}
