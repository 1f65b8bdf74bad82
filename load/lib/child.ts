import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { hurry, loadCore, pinned } from './machine.ts';
import type { PaceOrder, PublishOrder, PublishReport } from './publisher-process.ts';
import type { Answer } from './rpc.ts';
import type { Percentiles } from './statistics.ts';
import type { Connected, GroupReport, GroupRequest } from './subscriber-process.ts';

/** Longest time of a call beyond its own duration, so that a server that hangs ends one repeat, not the run. */
const callTimeoutMs = 60_000;

/** A process of the load generator that answers calls. */
export class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #calls = 0;

  constructor(file: string, niceness: number) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const [command, args] = pinned(loadCore, process.execPath, [path]);
    this.#process = spawn(command, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    hurry(this.pid, niceness);
    this.#process.on('message', ({ call, value, error }: Answer) => {
      const waiting = this.#waiting.get(call);
      this.#waiting.delete(call);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#process.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended`));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  call(method: string, argument: unknown, timeoutMs = callTimeoutMs): Promise<unknown> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} took longer than ${timeoutMs / 1_000} s`)), timeoutMs);
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer);
          settle(value);
        };
      };
      this.#waiting.set(call, { resolve: settled(resolve), reject: settled(reject) });
      this.#process.send({ call, method, argument });
    });
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}

/** Subscribers in a separate process. */
export class Subscribers {
  readonly #child = new Child('subscriber-process.ts', -10);

  get pid(): number {
    return this.#child.pid;
  }

  connect(groups: readonly GroupRequest[]) {
    return this.#child.call('connect', groups) as Promise<Connected>;
  }

  /** From now on the process reads sockets only once per `pauseMs`. */
  readInBursts(pauseMs: number) {
    return this.#child.call('readInBursts', pauseMs);
  }

  report(name: string) {
    return this.#child.call('report', name) as Promise<GroupReport>;
  }

  reports(names: readonly string[]) {
    return this.#child.call('reports', names) as Promise<GroupReport[]>;
  }

  /** Waits until every connection (from `first` on) has this many frames. */
  awaitFrames(wanted: { name: string; frames: number; first?: number; timeoutMs: number }) {
    return this.#child.call('awaitFrames', wanted) as Promise<{ complete: boolean; completedAtUs: number }>;
  }

  stall(name: string, count: number) {
    return this.#child.call('stall', { name, count });
  }

  resume(name: string) {
    return this.#child.call('resume', { name });
  }

  leave(name: string) {
    return this.#child.call('leave', name);
  }

  stop(): void {
    this.#child.stop();
  }
}

/** Writers in a separate process. */
export class Publishers {
  // Scheduled before the subscribers, which share its core; otherwise the writer would wait for them, and that wait
  // would be measured.
  readonly #child = new Child('publisher-process.ts', -15);

  get pid(): number {
    return this.#child.pid;
  }

  publish(order: PublishOrder) {
    return this.#child.call('publish', order) as Promise<PublishReport>;
  }

  pace(order: PaceOrder) {
    return this.#child.call('pace', order, callTimeoutMs + order.durationMs) as Promise<{ ackMs: Percentiles }>;
  }

  stop(): void {
    this.#child.stop();
  }
}
