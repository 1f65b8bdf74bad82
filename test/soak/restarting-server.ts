import { freePort } from '../support/free-port.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** A server of its own process on one port, that can be killed and started again on its store. Close it by `await using`. */
export type ServerProcess = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  killAndStart(): Promise<void>;
};

export async function startOn(store: 'memory' | 'sqlite'): Promise<ServerProcess> {
  const folder = TemporaryFolder.inMemory();
  const port = await freePort();
  const flags = ['--store', store === 'memory' ? 'memory:' : `sqlite:${folder.file('a.db')}`];
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
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async killAndStart() {
      running.kill('SIGKILL');
      await running.exit;
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}
