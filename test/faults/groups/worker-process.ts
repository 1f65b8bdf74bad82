import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Front } from '../../support/nodes/front.ts';
import { withParent } from '../../support/with-parent.ts';
import type { Command, Handled, MemberName, Report } from './messages.ts';

/** A member, as long as its process lives. */
export type Membership = MemberName & {
  /** A new id each time the member joins. */
  readonly id: string;
  /** Resolves when it has left, or its process has ended. */
  readonly gone: Promise<void>;
  isLeaving: boolean;
};

export type WorkerOptions = {
  readonly ports: readonly number[];
  readonly category: string;
  /** Longest duration of a handler, milliseconds. */
  readonly slowMs: number;
  readonly started: (membership: Membership, handled: Handled & { readonly atMs: number }) => void;
  readonly failed: (membership: Membership, handled: Handled) => void;
  readonly written: (membership: Membership, handled: Handled) => void;
  /** A member ended unexpectedly. */
  readonly broke: (membership: Membership, error: string) => void;
  /** The process ended without being killed. */
  readonly crashed: (how: string) => void;
};

type Member = { readonly membership: Membership; readonly end: () => void };

const script = new URL('worker.ts', import.meta.url).pathname;

/**
 * A process with members of several groups, which reaches the nodes by a separate network path. Close it by `await
 * using`.
 */
export class WorkerProcess implements AsyncDisposable {
  readonly front: Front;
  isStopped = false;
  readonly #options: WorkerOptions;
  readonly #members = new Map<string, Member>();
  #child: ChildProcess | undefined = undefined;
  #joins = 0;

  static async start(options: WorkerOptions): Promise<WorkerProcess> {
    const worker = new WorkerProcess(options, await Front.open(options.ports));
    worker.run();
    return worker;
  }

  private constructor(options: WorkerOptions, front: Front) {
    this.#options = options;
    this.front = front;
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  get memberships(): Membership[] {
    return Array.from(this.#members.values(), ({ membership }) => membership);
  }

  /** Starts it, without members. */
  run(): void {
    const { category, slowMs } = this.#options;
    const command = withParent(process.execPath, [script, this.front.url, category, String(slowMs)]);
    const child = spawn(...command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    this.isStopped = false;
    // Messages to a process that was just killed are lost.
    child.on('error', () => {});
    child.on('message', (report: Report) => this.#heard(child, report));
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#options.crashed(`ended with ${code ?? signal}`);
    });
  }

  join({ group, member }: MemberName): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const id = `${member}/${this.#child!.pid}.${this.#joins++}`;
    const membership: Membership = { group, member, id, gone: promise, isLeaving: false };
    this.#members.set(`${group}/${member}`, { membership, end: resolve });
    this.#send({ do: 'join', group, member });
  }

  leave(membership: Membership, keepMs: number): void {
    const { group, member } = membership;
    membership.isLeaving = true;
    this.#send({ do: 'leave', group, member, keepMs });
  }

  /** Kills it; resolves to its members once all its output was read. */
  async kill(): Promise<Membership[]> {
    const child = this.#child!;
    this.#child = undefined;
    const ended = Promise.all([once(child, 'exit'), ...(child.connected ? [once(child, 'disconnect')] : [])]);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await ended;
    }
    const gone = [...this.#members.values()];
    this.#members.clear();
    for (const { end } of gone) end();
    return gone.map(({ membership }) => membership);
  }

  /** Freezes it; the returned function resumes it, unless it was restarted. */
  stop(): () => void {
    const child = this.#child!;
    child.kill('SIGSTOP');
    this.isStopped = true;
    return () => {
      child.kill('SIGCONT');
      if (this.#child === child) this.isStopped = false;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isAlive) await this.kill();
    await this.front[Symbol.asyncDispose]();
  }

  #send(command: Command): void {
    if (this.#child?.connected) this.#child.send(command, () => {});
  }

  #heard(child: ChildProcess, report: Report): void {
    const { started, failed, written, broke } = this.#options;
    const member = this.#members.get(`${report.group}/${report.member}`);
    if (member === undefined) return;
    const { membership, end } = member;
    if (report.what === 'started') started(membership, report);
    else if (report.what === 'failed') failed(membership, report);
    else if (report.what === 'write') {
      written(membership, report);
      if (child === this.#child) this.#send({ do: 'answer', write: report.write });
    } else {
      this.#members.delete(`${report.group}/${report.member}`);
      end();
      if (!membership.isLeaving || report.error !== undefined) broke(membership, report.error ?? 'it was not told to');
    }
  }
}
