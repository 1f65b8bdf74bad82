import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { withParent } from '../support/with-parent.ts';
import { type PostgresCluster, unprivileged } from './postgres-cluster.ts';

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const port = 6_432;

export const hasPgBouncer = spawnSync('pgbouncer', ['--version'], { env, stdio: 'ignore' }).status === 0;

/** A pgbouncer in transaction mode in front of a cluster, reached by a Unix socket. Close it by `await using`. */
export class PgBouncer implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  #process: ChildProcess;

  static async start(cluster: PostgresCluster): Promise<PgBouncer> {
    const folder = new TemporaryFolder();
    chmodSync(folder.path, 0o777);
    writeFileSync(folder.file('users.txt'), '"message_store" ""\n');
    writeFileSync(
      folder.file('pgbouncer.ini'),
      `[databases]
* = host=${cluster.socketFolder}
[pgbouncer]
unix_socket_dir = ${folder.path}
listen_port = ${port}
auth_type = trust
auth_file = ${folder.file('users.txt')}
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
`,
    );
    return new PgBouncer(folder, await run(folder));
  }

  private constructor(folder: TemporaryFolder, process: ChildProcess) {
    this.#folder = folder;
    this.#process = process;
  }

  /** URL of a database through it. */
  url(database: string): string {
    return `postgres://message_store@${encodeURIComponent(this.#folder.path)}:${port}/${database}?pooled=true`;
  }

  /** Ends it with all its connections, and restarts it. */
  async restart(): Promise<void> {
    await stop(this.#process);
    this.#process = await run(this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#process);
    this.#folder[Symbol.dispose]();
  }
}

/** Resolves when it accepts connections; if it ends instead, rejects with its output. */
async function run(folder: TemporaryFolder): Promise<ChildProcess> {
  const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
  const command = withParent('pgbouncer', [folder.file('pgbouncer.ini')]);
  const child = spawn(...command, { ...unprivileged, cwd: folder.path, env, stdio });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (!line.includes('process up')) continue;
    child.stderr.resume();
    return child;
  }
  throw new Error(`pgbouncer did not start:\n${said.join('\n')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
