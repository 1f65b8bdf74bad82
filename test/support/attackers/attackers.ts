import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AttackOrder, AttackReport } from './attack.ts';

const program = new URL('./attack-process.ts', import.meta.url).pathname;

/** All attacks at once, from a separate process. Close it by `await using`. */
export class Attackers implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  private constructor() {
    this.#child = fork(program, { stdio: 'inherit', execArgv: [] });
    this.#exit = once(this.#child, 'exit');
  }

  /** Resolves when they have started. */
  static async start(order: AttackOrder): Promise<Attackers> {
    const attackers = new Attackers();
    try {
      await attackers.#ask(order);
    } catch (error) {
      await attackers[Symbol.asyncDispose]();
      throw error;
    }
    return attackers;
  }

  /** Lets each attack finish its round; resolves to the results, by title of the attack. */
  async stop(): Promise<Readonly<Record<string, AttackReport>>> {
    const reports = await this.#ask('stop');
    await this.#exit;
    return reports as Record<string, AttackReport>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  async #ask(what: AttackOrder | 'stop'): Promise<unknown> {
    const answered = once(this.#child, 'message').then(([answer]) => answer as unknown);
    const ended = this.#exit.then(() => {
      throw new Error('the attackers are gone');
    });
    // The process ends after its answer.
    ended.catch(() => {});
    this.#child.send(what);
    return Promise.race([answered, ended]);
  }
}
