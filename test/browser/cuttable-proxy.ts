import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { endTogether } from '../support/end-together.ts';

/** A TCP proxy that can cut its connections like a broken network. Close it by `await using`. */
export class CuttableProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server;
  readonly #sockets: Set<Socket>;
  #broken = false;

  private constructor(server: ReturnType<typeof createServer>, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => {
      if (this.#broken) socket.resetAndDestroy();
    });
  }

  /** Listens on a free port and forwards to this port. */
  static async open(port: number): Promise<CuttableProxy> {
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect({ port, host: '127.0.0.1' });
      endTogether(near, far, sockets);
      near.pipe(far);
      far.pipe(near);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttableProxy(server, sockets);
  }

  /** Resets every connection, and every new one until {@link mend}. */
  break(): void {
    this.#broken = true;
    this.cut();
  }

  mend(): void {
    this.#broken = false;
  }

  /** Resets every connection; new ones are forwarded. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.break();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
