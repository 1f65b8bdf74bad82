import { StreamName } from '../../src/message/stream-name.ts';
import type { Random } from '../support/random.ts';
import { SimLog, streamCount } from './sim-log.ts';

const mostImported = 60;

/** The logs of a namespace, one after the other. Streams have the same names in all of them. */
export class SimLogs {
  readonly #random: Random;
  /** Different names for each seed, so that owners differ. */
  readonly #names: readonly StreamName[];
  readonly #logs: SimLog[];

  constructor(random: Random) {
    const nameOf = (n: number) => new StreamName(`s-${n}x${random.int(0, 1_000_000_000)}`);
    this.#random = random;
    this.#names = Array.from({ length: streamCount }, (_value, n) => nameOf(n));
    this.#logs = [new SimLog('e0', this.#names)];
  }

  get current(): SimLog {
    return this.#logs.at(-1)!;
  }

  of(epoch: string): SimLog {
    return this.#logs.find((log) => log.epoch === epoch)!;
  }

  /** An import replaces the current log by another one. */
  replace(): void {
    const random = this.#random;
    const log = new SimLog(`e${this.#logs.length}`, this.#names);
    for (let left = random.int(0, mostImported); left > 0; left--) log.append(random.int(0, streamCount - 1), 0);
    this.#logs.push(log);
  }

  sum(of: (log: SimLog) => number): number {
    return this.#logs.reduce((total, log) => total + of(log), 0);
  }
}
