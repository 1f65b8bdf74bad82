import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FuzzRequest } from './framing.ts';
import { type HttpResponse, ResponseParser } from './responses.ts';
import type { WildBytes } from './wild.ts';

/** A server that has not answered after this time hangs. */
const deadlineMs = 30_000;

/** One connection on which requests are pipelined. */
export class Wire {
  readonly #socket: Socket;
  #parser: ResponseParser;
  #requests: readonly Pick<FuzzRequest, 'method'>[] = [];
  #answers: HttpResponse[] = [];
  #problem: Error | undefined = undefined;
  #changed: () => void = () => {};
  /** Whether it can send no more requests. */
  isClosed = false;
  /** Description of the requests that preceded the last ones. */
  before = 'nothing';
  #sentAtMs = performance.now();

  constructor(port: number) {
    this.#parser = new ResponseParser((index) => this.#requests[index]?.method === 'HEAD');
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    // A reset is an end like any other; the previous answers decide whether it is permitted.
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#ended());
  }

  /** Sends requests and resolves to their answers; fewer if the connection ended before. Throws for invalid bytes. */
  async exchange(requests: readonly FuzzRequest[], pieces: readonly Buffer[]): Promise<readonly HttpResponse[]> {
    this.#begin(requests);
    await this.#send(pieces);
    await this.#until(() => this.#answers.length >= requests.length, 'answers');
    if (this.#answers.length > requests.length) throw new Error('there are more answers than requests');
    return this.#answers;
  }

  /** Sends bytes, ends the connection as given, and resolves to the answers when it is closed. */
  async release({ method, pieces, ending }: WildBytes): Promise<readonly HttpResponse[]> {
    this.#begin(Array.from({ length: 300 }, () => ({ method })));
    await this.#send(pieces);
    if (ending === 'reset') this.#socket.resetAndDestroy();
    else if (ending === 'finish') this.#socket.end();
    await this.#until(() => false, 'the end of the connection');
    return this.#answers;
  }

  /** Sends requests without reading, and resets the connection after some turns. */
  async neglect(bytes: Buffer, turns: number): Promise<void> {
    this.#socket.pause();
    await this.#send([bytes]);
    for (let turn = 0; turn < turns; turn++) await nextTurn();
    this.#socket.resetAndDestroy();
    await this.#until(() => false, 'the end of the connection');
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#until(() => false, 'the end of the connection');
  }

  #begin(requests: readonly Pick<FuzzRequest, 'method'>[]): void {
    const last = this.#answers.at(-1);
    const nowMs = performance.now();
    if (last !== undefined) {
      const idleMs = Math.round(nowMs - this.#sentAtMs);
      this.before = `${last.status} (connection: ${last.headers.get('connection')}) ${idleMs} ms before`;
    }
    this.#sentAtMs = nowMs;
    this.#requests = requests;
    this.#answers = [];
    this.#parser = new ResponseParser((index) => this.#requests[index]?.method === 'HEAD');
  }

  async #send(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      if (this.isClosed) return;
      this.#socket.write(piece);
      if (pieces.length > 1) await nextTurn();
    }
  }

  #receive(bytes: Buffer): void {
    try {
      this.#answers.push(...this.#parser.push(bytes));
    } catch (error) {
      this.#problem ??= error as Error;
    }
    this.#changed();
  }

  #ended(): void {
    this.isClosed = true;
    const last = this.#parser.end();
    if (last !== undefined) this.#answers.push(last);
    this.#changed();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (this.#problem !== undefined) reject(this.#problem);
      else if (this.isClosed || holds()) resolve();
    };
    const late = () => reject(new Error(`${deadlineMs} ms passed before ${what} came; ${this.#answers.length} did`));
    const deadline = setTimeout(late, deadlineMs);
    this.#changed = look;
    try {
      look();
      await promise;
    } catch (error) {
      this.#socket.destroy();
      throw error;
    } finally {
      clearTimeout(deadline);
    }
  }
}
