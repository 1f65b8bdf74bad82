import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { hurry, pinned, serverCore } from './machine.ts';

/** A server that can be measured. */
export type Target = {
  readonly name: string;
  /** Starts it, pinned to the server's core; resolves when it listens. */
  start(flags?: readonly string[]): Promise<RunningTarget>;
  /** Path of the subscription to a category. */
  readonly subscribePath: (selector: string) => string;
  /** Path of the append to a category, `{}` for the number of the stream. */
  readonly appendPath: (category: string) => string;
  /** Body of an append of one message, with the reader's `{}`, `{position}` and `{globalPosition}` where it needs them. */
  readonly appendBody: string;
  readonly order: 'consecutive' | 'rising';
  /** Whether it is machine code from the start; what runs in Node is slow until its hot parts are compiled. */
  readonly compiled: boolean;
  /** Whether it answers `/metrics` as Pokewire does. */
  readonly hasMetrics: boolean;
};

export type RunningTarget = {
  readonly port: number;
  /** The process that does the work. */
  readonly pid: number;
  stop(): Promise<void>;
};

/** One message as the tiny contract of all servers takes it. */
export const oneMessage = '{"type":"Deposited","data":{"amount":100}}';

/** What a server may run on: the core that serves, or all of them, which it shares with its load then. */
export type ServerCores = 'one' | 'all';

const startTimeoutMs = 15_000;
const running = new Set<ChildProcess>();

/** Starts a server that writes a line with `:<port>` to its standard error when it listens. */
export async function startServer(
  command: string,
  args: readonly string[],
  cores: ServerCores = 'one',
): Promise<RunningTarget> {
  const [file, all]: [string, string[]] = cores === 'one' ? pinned(serverCore, command, args) : [command, [...args]];
  const child = spawn(file, all, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    // A pool of helpers is not wanted by what is measured, and what the shell exports must not change a server.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production' },
  });
  const port = await listeningPort(child, args.join(' '));
  return { port, pid: child.pid!, stop: () => stopChild(child) };
}

/** Ends a child and waits for it; after a while by force. */
export async function stopChild(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(force);
}

/** Ends every server that still runs, at once. */
export function killServers(): void {
  // Each leads a group of its own, in which nginx has its worker.
  for (const child of running) process.kill(-child.pid!, 'SIGKILL');
}

/** Notes a server so that {@link killServers} finds it, and puts it before other work. */
export function track(child: ChildProcess): void {
  running.add(child);
  hurry(child.pid!);
  child.on('exit', () => running.delete(child));
}

async function listeningPort(child: ChildProcess, what: string): Promise<number> {
  track(child);
  let text = '';
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`${what} did not start: ${reason}\n${text}`));
    const timer = setTimeout(() => fail('it took too long'), startTimeoutMs);
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code) => fail(`it ended with ${code}`));
    child.stderr!.on('data', (piece: Buffer) => {
      text += piece.toString();
      const port = /:(\d{4,5})\b/.exec(text)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

export type PokewireOptions = {
  /** What it is called in results. */
  readonly name?: string;
  /** Work tree whose `src/main.ts` runs. */
  readonly root: string;
  readonly flags?: readonly string[];
  /** Flags of Node. */
  readonly nodeFlags?: readonly string[];
  /** Where a CPU profile goes; none when absent. */
  readonly profileDir?: string;
  /** `one` when absent. */
  readonly cores?: ServerCores;
};

/** Pokewire of a work tree, with its default settings and these flags. */
export function pokewire(options: PokewireOptions): Target {
  const { name = 'pokewire', root, flags = [], nodeFlags = [], profileDir, cores } = options;
  const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  return {
    name,
    start: (more = []) => {
      const args = [...nodeFlags, ...profile, join(root, 'src/main.ts'), '--port', '0', ...flags, ...more];
      return startServer(process.execPath, args, cores);
    },
    subscribePath: (selector) => `/subscribe?${selector}`,
    appendPath: (category) => `/streams/${category}-{}/messages`,
    appendBody: oneMessage,
    order: 'consecutive',
    compiled: false,
    hasMetrics: true,
  };
}
