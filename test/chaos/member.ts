import { setTimeout as delay } from 'node:timers/promises';

/** A process, or several, that can go and come again where it was. */
export type Restartable = {
  stop(signal: NodeJS.Signals): Promise<unknown>;
  run(): Promise<void>;
  /** Stops it where it stands; the function lets it go on. */
  freeze(): Promise<() => void> | (() => void);
  /** Resolves when it does its work. */
  untilReady(): Promise<void>;
};

export type MemberState = 'up' | 'killed' | 'frozen' | 'cut off' | 'comes back';

const startTries = 20;
const betweenTriesMs = 250;

/** One of the processes that chaos falls upon. */
export class Member {
  readonly name: string;
  state: MemberState = 'up';
  readonly #process: Restartable;

  constructor(name: string, process: Restartable) {
    this.name = name;
    this.#process = process;
  }

  /** Ends it; `SIGKILL` as a crash does. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.state = 'killed';
    await this.#process.stop(signal);
  }

  /** Starts it where it was; resolves when it does its work. */
  async revive(): Promise<void> {
    this.state = 'comes back';
    for (let tries = 1; ; tries++) {
      try {
        await this.#process.run();
        break;
      } catch (error) {
        // A connection of somebody else may have taken its port for a moment.
        if (tries === startTries) throw error;
        await delay(betweenTriesMs);
      }
    }
    await this.#untilReady();
  }

  /** Stops it where it stands for so long; resolves when it does its work again. */
  async freeze(ms: number): Promise<void> {
    const thaw = await this.#process.freeze();
    this.state = 'frozen';
    try {
      await delay(ms);
    } finally {
      thaw();
    }
    await this.#untilReady();
  }

  /** Something that keeps others from reaching it goes on for as long as the function does. */
  async cutOff(meanwhile: () => Promise<void>): Promise<void> {
    this.state = 'cut off';
    await meanwhile();
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    this.state = 'comes back';
    await this.#process.untilReady();
    this.state = 'up';
  }
}
