import { NatsCluster } from '../nats/nats-cluster.ts';
import { PostgresCluster } from '../postgres/postgres-cluster.ts';
import { freePort } from '../support/free-port.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** Where the soak's server stores messages. */
export type SoakStore = 'memory' | 'sqlite' | 'postgres' | 'nats';

/** A separate database, and functions that crash and restart it. */
type Database = { readonly url: string; killAndStart(): Promise<void> };

/** A server in a separate process on a fixed port that can be killed and restarted with its store. Close it by `await using`. */
export type ServerProcess = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  killAndStart(): Promise<void>;
  /** Kills the server's database and restarts it; undefined: it has none. */
  readonly killDatabase: (() => Promise<void>) | undefined;
};

export async function startOn(store: SoakStore): Promise<ServerProcess> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(TemporaryFolder.inMemory());
  const database = await databases[store]?.(opened);
  const port = await freePort();
  const flags = ['--store', database?.url ?? (store === 'sqlite' ? `sqlite:${folder.file('a.db')}` : 'memory:')];
  const start = async () => {
    const started = new SpokenProcess(
      [...flags, '--retry-min-ms', '50', '--retry-max-ms', '200', '--log-level', 'info'],
      {
        POKEWIRE_HOST: '127.0.0.1',
        POKEWIRE_PORT: String(port),
      },
    );
    await started.listening();
    return started;
  };
  let running = await start();
  opened.defer(() => running[Symbol.asyncDispose]());
  const closing = opened.move();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async killAndStart() {
      running.kill('SIGKILL');
      await running.exit;
      running = await start();
    },
    killDatabase: database?.killAndStart,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Starts the databases of stores that have one; the stack closes them. */
const databases: Partial<Record<SoakStore, (opened: AsyncDisposableStack) => Promise<Database>>> = {
  async postgres(opened) {
    const cluster = opened.use(await PostgresCluster.start());
    return {
      url: cluster.url(await cluster.create()),
      async killAndStart() {
        await cluster.stop('SIGKILL');
        await cluster.run();
      },
    };
  },
  async nats(opened) {
    const cluster = opened.use(await NatsCluster.start());
    return {
      url: cluster.url('soak'),
      async killAndStart() {
        await Promise.all(cluster.servers.map((server) => server.stop('SIGKILL')));
        await Promise.all(cluster.servers.map((server) => server.run()));
      },
    };
  },
};
