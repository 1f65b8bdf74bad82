import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { hurry, pinned, serverCore } from './machine.ts';

/** A server to measure. */
export type Target = {
  readonly name: string;
  /** Starts it, pinned to the servers' core; resolves when it listens. */
  start(flags?: readonly string[]): Promise<RunningTarget>;
  /** Path of the subscription to a category. */
  readonly subscribePath: (selector: string) => string;
  /** Path of an append to a category, with `{}` for the stream number. */
  readonly appendPath: (category: string) => string;
  /** Body of an append of one message, with the reader's placeholders `{}`, `{position}` and `{globalPosition}` if needed. */
  readonly appendBody: string;
  readonly order: 'consecutive' | 'rising';
  /** Whether it is compiled ahead of time. Code in Node is slow until its hot paths are compiled. */
  readonly compiled: boolean;
  /** Whether its `/metrics` are Pokewire's. */
  readonly hasMetrics: boolean;
};

export type RunningTarget = {
  readonly port: number;
  /** The process that does the work. */
  readonly pid: number;
  stop(): Promise<void>;
};

/** One message in the format that all servers accept. */
export const oneMessage = '{"type":"Deposited","data":{"amount":100}}';

/** Cores a server may use: the servers' core, or all of them, shared with its load. */
export type ServerCores = 'one' | 'all';

const startTimeoutMs = 15_000;
const running = new Set<ChildProcess>();

/** Starts a server that writes a line with `:<port>` to standard error when it listens. */
export async function startServer(
  command: string,
  args: readonly string[],
  cores: ServerCores = 'one',
): Promise<RunningTarget> {
  const [file, all]: [string, string[]] = cores === 'one' ? pinned(serverCore, command, args) : [command, [...args]];
  const child = spawn(file, all, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    // A clean environment, so that exported variables cannot change the server.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production' },
  });
  const port = await listeningPort(child, args.join(' '));
  return { port, pid: child.pid!, stop: () => stopChild(child) };
}

/** Ends a child process and waits for it; kills it after a while. */
export async function stopChild(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(force);
}

/** Kills every server that still runs. */
export function killServers(): void {
  // Each leads a process group, which includes nginx's worker.
  for (const child of running) process.kill(-child.pid!, 'SIGKILL');
}

/** Records a server for {@link killServers}, and raises its priority. */
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
  /** Name in the results. */
  readonly name?: string;
  /** Work tree whose `src/main.ts` to run. */
  readonly root: string;
  readonly flags?: readonly string[];
  /** Flags for Node. */
  readonly nodeFlags?: readonly string[];
  /** Folder for a CPU profile; absent: none. */
  readonly profileDir?: string;
  /** Default: `one`. */
  readonly cores?: ServerCores;
};

/** Pokewire of a work tree, with default settings and these flags. */
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
