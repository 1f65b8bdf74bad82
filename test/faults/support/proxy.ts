import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { endTogether } from '../../support/end-together.ts';

/**
 * A proxy that buffers the server's output, like badly configured ones, and forwards it in pieces that start and end
 * anywhere. Close it by `await using`.
 */
export class BufferingProxy implements AsyncDisposable {
  readonly port: number;
  /** Bytes held back. */
  held = 0;
  /** Bytes forwarded, some of which may not have arrived yet. */
  passedOn = 0;
  readonly #server;
  readonly #sockets = new Set<Socket>();
  readonly #bunches: { socket: Socket; bytes: Buffer[] }[] = [];

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (near) => this.#join(near, connect({ port, host: '127.0.0.1' })));
  }

  /** Listens on a free port and forwards requests to this port. */
  static async open(port: number): Promise<BufferingProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new BufferingProxy(server, port);
  }

  /**
   * Forwards what it holds, in pieces of these lengths, cyclically; each is sent before the next. Then holds what
   * arrived in the meantime.
   */
  async passOn(lengths: readonly number[]): Promise<void> {
    let turn = 0;
    for (const bunch of this.#bunches) {
      const bytes = Buffer.concat(bunch.bytes.splice(0));
      this.held -= bytes.length;
      for (let at = 0; at < bytes.length && !bunch.socket.destroyed; ) {
        const piece = bytes.subarray(at, at + lengths[turn++ % lengths.length]!);
        await new Promise((resolve) => bunch.socket.write(piece, resolve));
        at += piece.length;
        this.passedOn += piece.length;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket, far: Socket): void {
    const bunch = { socket: near.setNoDelay(true), bytes: [] as Buffer[] };
    this.#bunches.push(bunch);
    far.on('data', (bytes: Buffer) => {
      bunch.bytes.push(bytes);
      this.held += bytes.length;
    });
    near.pipe(far);
    endTogether(near, far, this.#sockets);
  }
}
