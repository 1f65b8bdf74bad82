import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How to end a connection in the middle of a stream. */
export type Cut = 'FIN' | 'RST';

/** A TCP proxy whose target can be changed. Close it by `await using`. */
export class ChoppingProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  #port: number;

  /** Listens on a free port. */
  static async open(port: number): Promise<ChoppingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ChoppingProxy(server, port);
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (near) => this.#join(near));
  }

  /** Sends new connections to another server. */
  pointAt(port: number): void {
    this.#port = port;
  }

  /** Ends every connection, whatever is in flight. */
  cut(how: Cut): void {
    for (const { near, far } of this.#pairs) {
      if (how === 'RST') near.resetAndDestroy();
      else near.end();
      far.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut('RST');
    await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#port, host: '127.0.0.1' });
    const pair = { near, far };
    this.#pairs.add(pair);
    near.pipe(far);
    // Passes the kind of end on to the client.
    far.pipe(near);
    far.on('error', () => near.resetAndDestroy());
    near.on('error', () => far.destroy());
    near.on('close', () => {
      this.#pairs.delete(pair);
      far.destroy();
    });
  }
}
