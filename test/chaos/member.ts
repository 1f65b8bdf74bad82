import { setTimeout as delay } from 'node:timers/promises';

/** One or several processes that can be stopped and restarted in place. */
export type Restartable = {
  stop(signal: NodeJS.Signals): Promise<unknown>;
  run(): Promise<void>;
  /** Freezes it; the returned function resumes it. */
  freeze(): Promise<() => void> | (() => void);
  /** Resolves when it works. */
  untilReady(): Promise<void>;
};

/** A disturbance of a process that keeps running. */
export type Trouble = 'cut off' | 'disk full';

export type MemberState = 'up' | 'killed' | 'frozen' | Trouble | 'comes back';

const startTries = 20;
const betweenTriesMs = 250;

/** A process that faults can hit. */
export class Member {
  readonly name: string;
  state: MemberState = 'up';
  readonly #process: Restartable;

  constructor(name: string, process: Restartable) {
    this.name = name;
    this.#process = process;
  }

  /** Ends it; `SIGKILL` for a crash. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.state = 'killed';
    await this.#process.stop(signal);
  }

  /** Restarts it in place; resolves when it works. */
  async revive(): Promise<void> {
    this.state = 'comes back';
    for (let tries = 1; ; tries++) {
      try {
        await this.#process.run();
        break;
      } catch (error) {
        // Another process's connection may occupy its port for a moment.
        if (tries === startTries) throw error;
        await delay(betweenTriesMs);
      }
    }
    await this.#untilReady();
  }

  /** Freezes it for a while; resolves when it works again. */
  freeze(ms: number): Promise<void> {
    return this.freezeDuring(() => delay(ms));
  }

  /** Freezes the process until the function resolves. */
  async freezeDuring(meanwhile: () => Promise<void>): Promise<void> {
    const thaw = await this.#process.freeze();
    this.state = 'frozen';
    try {
      await meanwhile();
    } finally {
      thaw();
    }
    await this.#untilReady();
  }

  /** Runs a function during which the process is disturbed. */
  async suffer(trouble: Trouble, meanwhile: () => Promise<void>): Promise<void> {
    this.state = trouble;
    await meanwhile();
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    this.state = 'comes back';
    await this.#process.untilReady();
    this.state = 'up';
  }
}
