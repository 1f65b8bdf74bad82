import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { CrowdOrder, CrowdReport } from './crowd-process.ts';

const program = new URL('./crowd-process.ts', import.meta.url).pathname;

type Waiting = { resolve(value: unknown): void; reject(error: Error): void };

/** Thousands of subscribers in a separate process. Close it by `await using`. */
export class Crowd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  private constructor() {
    this.#child = fork(program, { stdio: 'inherit', execArgv: [] });
    this.#exit = once(this.#child, 'exit');
    this.#child.on('message', ({ call, value }: { call: number; value: unknown }) => {
      this.#waiting.get(call)!.resolve(value);
      this.#waiting.delete(call);
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the crowd is gone'));
      this.#waiting.clear();
    });
  }

  /** Starts this many subscribers; resolves when each has been answered. */
  static async gather(order: Pick<CrowdOrder, 'port' | 'count'> & Partial<CrowdOrder>): Promise<Crowd> {
    const crowd = new Crowd();
    const whole: CrowdOrder = {
      path: '/subscribe?category=load',
      stream: 'load-1',
      // A listening socket's queue holds 511.
      atOnce: 200,
      returns: false,
      ...order,
    };
    try {
      await crowd.#call('gather', whole);
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
    return crowd;
  }

  report(): Promise<CrowdReport> {
    return this.#call('report') as Promise<CrowdReport>;
  }

  /** Resets all connections at once, like a broken network. */
  async cut(): Promise<void> {
    await this.#call('cut');
  }

  /** Freezes the process; its kernel accepts bytes until the sockets are full. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Resumes the process. */
  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Kills the process; the kernel closes its sockets. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #call(method: string, argument?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = this.#calls++;
      this.#waiting.set(call, { resolve, reject });
      this.#child.send({ call, method, argument });
    });
  }
}
