import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.ts';
import { withParent } from './with-parent.ts';

/** A proxy as packaged by a distribution. */
export type ProxyKind = 'nginx' | 'haproxy' | 'varnishd' | 'caddy';

// Debian's locations, which may not be on the PATH.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

const programs = {
  nginx: { args: (file: string) => ['-p', '.', '-c', file, '-e', 'stderr'], ready: 'start worker processes' },
  // Accepts neither a relative folder nor a port in its configuration.
  varnishd: {
    args: (file: string, folder: string, port: number) => [
      ...['-F', '-f', join(folder, file), '-n', join(folder, 'working')],
      ...['-a', `127.0.0.1:${port}`, '-s', 'malloc,16m'],
    ],
    ready: 'said Child starts',
  },
  // With a master process, which reports when it listens.
  haproxy: { args: (file: string) => ['-W', '-db', '-f', file], ready: 'Loading success' },
  caddy: {
    args: (file: string) => ['run', '--config', file, '--adapter', 'caddyfile'],
    ready: 'serving initial configuration',
  },
} as const;

/** Whether the program is installed. */
export function isInstalled(program: ProxyKind | 'openssl'): boolean {
  const flag = { openssl: 'version', nginx: '-v', haproxy: '-v', varnishd: '-V', caddy: 'version' }[program];
  return spawnSync(program, [flag], { env, stdio: 'ignore' }).status === 0;
}

export type ProxyFiles = {
  /** The configuration for this port of 127.0.0.1; file names are relative to its folder. */
  readonly config: (port: number) => string;
  /** Additional files, by name. */
  readonly files?: Readonly<Record<string, string>>;
};

/** A real proxy on a free port, with its files in a temporary folder. Close it by `await using`. */
export class RealProxy implements AsyncDisposable {
  readonly port: number;
  readonly #kind: ProxyKind;
  readonly #folder: string;
  #process: ChildProcess;

  static async start(kind: ProxyKind, { config, files = {} }: ProxyFiles): Promise<RealProxy> {
    const folder = mkdtempSync(join(tmpdir(), `pokewire-${kind}-`));
    // The workers of a proxy started by root run as another user.
    chmodSync(folder, 0o755);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    // Another process may take the port between search and start; then another port is tried.
    for (let attempts = 5; ; attempts--) {
      const port = await freePort();
      writeFileSync(join(folder, 'proxy.conf'), config(port));
      try {
        return new RealProxy(kind, folder, port, await run(kind, folder, port));
      } catch (error) {
        if (attempts > 1 && /in use|cannot bind/i.test(String(error))) continue;
        rmSync(folder, { recursive: true });
        throw error;
      }
    }
  }

  private constructor(kind: ProxyKind, folder: string, port: number, started: ChildProcess) {
    this.#kind = kind;
    this.#folder = folder;
    this.port = port;
    this.#process = started;
  }

  /** Ends the proxy with all its connections, and restarts it on the same port. */
  async restart(): Promise<void> {
    await stop(this.#process);
    this.#process = await run(this.#kind, this.#folder, this.port);
  }

  /** Content of a file it wrote. */
  read(name: string): string {
    return readFileSync(join(this.#folder, name), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#process);
    rmSync(this.#folder, { recursive: true });
  }
}

/** Resolves when the proxy listens; if it ends instead, rejects with its output. */
async function run(kind: ProxyKind, folder: string, port: number): Promise<ChildProcess> {
  const { args, ready } = programs[kind];
  const child = spawn(...withParent(kind, args('proxy.conf', folder, port)), {
    cwd: folder,
    // Caddy stores keys and its last configuration there.
    env: { ...env, HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    lines.push(line);
    // Varnish keeps running although its port is taken.
    if (line.startsWith('Listen failed')) child.kill();
    if (!line.includes(ready) || child.killed) continue;
    child.stderr.resume();
    return child;
  }
  throw new Error(`${kind} did not start:\n${lines.join('\n')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
