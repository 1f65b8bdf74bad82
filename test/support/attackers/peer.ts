import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One connection of an attacker, which may never read, and never closes on request. */
export class Peer {
  /** Status of the first answer; undefined: none arrived, or it was not read. */
  status: number | undefined = undefined;
  isGone = false;
  /** Resolves when the server has ended it, as far as this side can see. */
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  #start = '';

  constructor(port: number, { reads }: { readonly reads: boolean }) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    const ended = () => {
      this.isGone = true;
      resolve();
    };
    // Half open, so that the server's end does not close it.
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#socket.on('error', () => {});
    this.#socket.on('end', ended);
    this.#socket.on('close', ended);
    if (reads) this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    else this.#socket.pause();
  }

  /** Sends bytes and resolves when the kernel has them, or the connection is closed. */
  async send(bytes: Buffer | string): Promise<void> {
    if (this.isGone) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.write(bytes, () => resolve());
    await Promise.race([promise, this.gone]);
  }

  /** Waits up to this long for the server to end it; returns whether it is still open. */
  async outlasts(ms: number): Promise<boolean> {
    const over = new AbortController();
    const waited = sleep(ms, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([this.gone, waited]);
    over.abort();
    return !this.isGone;
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #receive(bytes: Buffer): void {
    if (this.status !== undefined) return;
    this.#start += bytes.toString('latin1', 0, 20);
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(this.#start) ?? [];
    if (status !== undefined) this.status = Number(status);
  }
}
