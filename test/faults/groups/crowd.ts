import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { FencedSink, Written } from '../../support/fenced-sink.ts';
import { withParent } from '../../support/with-parent.ts';

type Member = { readonly process: ChildProcess; readonly isStopped: boolean };

/** Members in separate processes that join, leave, are killed and freeze. */
export class Crowd implements AsyncDisposable {
  readonly counts = { joins: 0, leaves: 0, kills: 0, stops: 0 };
  readonly #url: string;
  readonly #sink: FencedSink;
  readonly #members = new Map<string, Member>();
  readonly #exits = new Set<Promise<unknown>>();
  #names = 0;

  constructor(url: string, sink: FencedSink) {
    this.#url = url;
    this.#sink = sink;
  }

  /** Names of running members. */
  get names(): string[] {
    return [...this.#members].filter(([, { isStopped }]) => !isStopped).map(([name]) => name);
  }

  get size(): number {
    return this.#members.size;
  }

  join(name = `worker-${this.#names++}`): void {
    const script = new URL('worker.ts', import.meta.url).pathname;
    const command = withParent(process.execPath, [script, this.#url, name]);
    const child = spawn(...command, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      // A kill may have cut the line off.
      if (line.endsWith('}')) this.#sink.write(JSON.parse(line) as Written);
    });
    const exit: Promise<unknown> = once(child, 'close').then(() => this.#exits.delete(exit));
    this.#exits.add(exit);
    this.#members.set(name, { process: child, isStopped: false });
    this.counts.joins++;
  }

  leave(name: string): void {
    this.#take(name).kill('SIGTERM');
    this.counts.leaves++;
  }

  kill(name: string): void {
    this.#take(name).kill('SIGKILL');
    this.counts.kills++;
  }

  /** Freezes a member for a while. */
  stop(name: string, ms: number): void {
    const { process } = this.#members.get(name)!;
    process.kill('SIGSTOP');
    this.#members.set(name, { process, isStopped: true });
    this.counts.stops++;
    setTimeout(() => this.#continue(name, process), ms).unref();
  }

  continueAll(): void {
    for (const [name, { process }] of this.#members) this.#continue(name, process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#members.values()) process.kill('SIGKILL');
    await Promise.all(this.#exits);
  }

  #continue(name: string, process: ChildProcess): void {
    if (this.#members.get(name)?.process !== process) return;
    process.kill('SIGCONT');
    this.#members.set(name, { process, isStopped: false });
  }

  #take(name: string): ChildProcess {
    const { process } = this.#members.get(name)!;
    this.#members.delete(name);
    return process;
  }
}
