import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { endTogether } from '../support/end-together.ts';

/** Verbs of the client's protocol lines that are followed by a payload of the given number of bytes. */
const publishing = /^H?PUB .* (\d+)$/;

/**
 * A network path to a nats-server that can be held before any message of its client, for any time or forever. The
 * server is then in the same state as if the client had died there. Close it by `await using`.
 */
export class HeldWay implements AsyncDisposable {
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: (() => void)[] = [];
  #left = Number.POSITIVE_INFINITY;
  #held = Promise.withResolvers<void>();

  private constructor(listener: Server) {
    this.#listener = listener;
  }

  static async to(port: number): Promise<HeldWay> {
    const listener = createServer();
    const way = new HeldWay(listener);
    listener.on('connection', (client) => way.#join(client, connect(port, '127.0.0.1')));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return way;
  }

  get host(): string {
    return `127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Resolves when a message is held. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  /** From now on only this many messages pass. */
  holdAfter(messages: number): void {
    this.#left = messages;
  }

  /** Lets everything pass again, starting with the held messages. */
  release(): void {
    this.#left = Number.POSITIVE_INFINITY;
    for (const pass of this.#waiting.splice(0)) pass();
  }

  /** Ends all connections; held messages never pass. */
  cut(): void {
    this.#waiting.length = 0;
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
  }

  #join(client: Socket, server: Socket): void {
    endTogether(client, server, this.#sockets);
    server.pipe(client);
    let rest: Buffer = Buffer.alloc(0);
    const pass = () => {
      for (;;) {
        const lineEnd = rest.indexOf('\r\n');
        if (lineEnd < 0) return;
        const size = publishing.exec(rest.toString('latin1', 0, lineEnd))?.[1];
        const end = lineEnd + 2 + (size === undefined ? 0 : Number(size) + 2);
        if (rest.length < end) return;
        if (size !== undefined && this.#left-- <= 0) {
          this.#left = 0;
          this.#waiting.push(pass);
          this.#held.resolve();
          return;
        }
        server.write(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
    };
    client.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      if (!this.#waiting.includes(pass)) pass();
    });
  }
}
