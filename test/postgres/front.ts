import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** One address for several nodes, like a load balancer: each connection goes to the next node that accepts it. */
export class Front implements AsyncDisposable {
  readonly #ports: readonly number[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #next = 0;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer((near) => this.#join(near, this.#ports.length));
  }

  static async open(ports: readonly number[]): Promise<Front> {
    const front = new Front(ports);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket, tries: number): void {
    this.#watch(near);
    const far = connect(this.#ports[this.#next++ % this.#ports.length]!, '127.0.0.1');
    this.#watch(far);
    let isJoined = false;
    far.once('connect', () => {
      isJoined = true;
      near.pipe(far);
      far.pipe(near);
      near.once('close', () => far.destroy());
    });
    far.once('close', () => {
      if (isJoined || tries <= 1) near.destroy();
      else this.#join(near, tries - 1);
    });
  }

  #watch(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
