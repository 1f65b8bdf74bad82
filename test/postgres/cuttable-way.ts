import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import type { PostgresCluster } from './postgres-cluster.ts';

const socketName = '.s.PGSQL.5432';

/**
 * A network path to a cluster that can be cut: data is then lost without breaking a connection, and data in flight may
 * arrive once it is repaired.
 */
export class CuttableWay implements AsyncDisposable {
  readonly #cluster: PostgresCluster;
  readonly #folder: TemporaryFolder;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(cluster: PostgresCluster) {
    this.#cluster = cluster;
    this.#folder = TemporaryFolder.inMemory();
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#join(near));
  }

  static async open(cluster: PostgresCluster): Promise<CuttableWay> {
    const way = new CuttableWay(cluster);
    way.#server.listen(way.#folder.file(socketName));
    await once(way.#server, 'listening');
    return way;
  }

  /** URL of a database over this path. */
  url(database: string): string {
    return this.#cluster.url(database, 'message_store', this.#folder.path);
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    this.#folder[Symbol.dispose]();
  }

  #join(near: Socket): void {
    const far = connect({ path: `${this.#cluster.socketFolder}/${socketName}`, allowHalfOpen: true });
    this.#forward(near, far);
    this.#forward(far, near);
  }

  #forward(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => to.write(chunk));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      // Sends data in the order in which it was read.
      to.end();
    });
    if (this.#isCut) from.pause();
  }
}
