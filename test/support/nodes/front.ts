import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * One address for several nodes, like a load balancer: each connection goes to the next node that accepts it. Its
 * network can be cut: then nothing arrives, not even the end of a connection, until it is repaired. Close it with
 * `await using`.
 */
export class Front implements AsyncDisposable {
  readonly #ports: readonly number[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Sockets whose other end closed while the network was cut. */
  readonly #orphans = new Set<Socket>();
  #isCut = false;
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

  get isCut(): boolean {
    return this.#isCut;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#isCut = false;
    for (const socket of this.#orphans) socket.destroy();
    for (const socket of this.#sockets) socket.resume();
  }

  /** Closes every connection; new ones are accepted. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.reset();
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
      this.#forward(near, far);
      this.#forward(far, near);
    });
    far.once('close', () => {
      if (isJoined) return;
      if (tries <= 1) near.destroy();
      else this.#join(near, tries - 1);
    });
  }

  #forward(from: Socket, to: Socket): void {
    from.on('data', (chunk) => to.write(chunk));
    from.once('end', () => to.end());
    from.once('close', () => {
      if (this.#isCut) this.#orphans.add(to);
      else to.destroy();
    });
    if (this.#isCut) from.pause();
    if (from.destroyed) to.destroy();
  }

  #watch(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#orphans.delete(socket);
    });
  }
}
