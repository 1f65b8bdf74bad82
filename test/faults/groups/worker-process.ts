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
  readonly started: (
    membership: Membership,
    handled: Handled & { readonly atMs: number; readonly attempt: number },
  ) => void;
  readonly failed: (membership: Membership, handled: Handled) => void;
  readonly written: (membership: Membership, handled: Handled) => void;
  /** A member ended unexpectedly. */
  readonly broke: (membership: Membership, error: string) => void;
  /** The process ended without being killed. */
  readonly crashed: (how: string) => void;
};

type Member = { readonly membership: Membership; readonly end: () => void };

/** A handler whose process is frozen. */
export type Frozen = {
  readonly handled: Handled;
  /** Resumes both; resolves to whether the handler wrote, which it did not if the process was killed. */
  readonly goOn: () => Promise<boolean>;
};

/** Asks for a handler that waits before it writes; `handled` is undefined until one has started. */
type Inside = {
  handled: Handled | undefined;
  readonly entered: (handled: Handled | undefined) => void;
  readonly wrote: (hasWritten: boolean) => void;
};

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
  #inside: Inside | undefined = undefined;

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
      if (this.#child !== child) return;
      this.#noneWrites();
      this.#options.crashed(`ended with ${code ?? signal}`);
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
    this.#noneWrites();
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

  /** Freezes it inside its next handler. Resolves to undefined if none starts before the signal aborts or the process ends. */
  async stopInHandler(signal: AbortSignal): Promise<Frozen | undefined> {
    const child = this.#child!;
    const [entered, wrote] = [Promise.withResolvers<Handled | undefined>(), Promise.withResolvers<boolean>()];
    this.#inside = { handled: undefined, entered: entered.resolve, wrote: wrote.resolve };
    const goOn = () => this.#send({ do: 'go on' });
    const isOver = () => {
      if (this.#child === child) this.isStopped = false;
    };
    this.isStopped = true;
    this.#send({ do: 'wait inside' });
    signal.addEventListener('abort', goOn);
    if (signal.aborted) goOn();
    const handled = await entered.promise;
    signal.removeEventListener('abort', goOn);
    void wrote.promise.then(isOver);
    if (handled === undefined) {
      wrote.resolve(false);
      return undefined;
    }
    child.kill('SIGSTOP');
    return {
      handled,
      goOn: () => {
        goOn();
        child.kill('SIGCONT');
        return wrote.promise;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isAlive) await this.kill();
    await this.front[Symbol.asyncDispose]();
  }

  #entered(handled: Handled): void {
    if (this.#inside === undefined) return;
    this.#inside.handled = handled;
    this.#inside.entered(handled);
  }

  /** Called when the process has ended. */
  #noneWrites(): void {
    this.#inside?.entered(undefined);
    this.#inside?.wrote(false);
  }

  #send(command: Command): void {
    if (this.#child?.connected) this.#child.send(command, () => {});
  }

  #heard(child: ChildProcess, report: Report): void {
    const { started, failed, written, broke } = this.#options;
    if (report.what === 'none inside') {
      this.#inside?.entered(undefined);
      return;
    }
    const member = this.#members.get(`${report.group}/${report.member}`);
    if (member === undefined) return;
    const { membership, end } = member;
    if (report.what === 'started') started(membership, report);
    else if (report.what === 'failed') failed(membership, report);
    else if (report.what === 'inside') this.#entered(report);
    else if (report.what === 'write') {
      written(membership, report);
      if (this.#inside?.handled !== undefined && isSame(this.#inside.handled, report)) this.#inside.wrote(true);
      if (child === this.#child) this.#send({ do: 'answer', write: report.write });
    } else {
      this.#members.delete(`${report.group}/${report.member}`);
      end();
      if (!membership.isLeaving || report.error !== undefined) broke(membership, report.error ?? 'it was not told to');
    }
  }
}

function isSame(one: Handled, other: Handled): boolean {
  const isOfMember = one.group === other.group && one.member === other.member && one.generation === other.generation;
  return isOfMember && one.stream === other.stream && one.position === other.position;
}
