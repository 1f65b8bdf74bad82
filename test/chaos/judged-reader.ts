import { setTimeout as delay } from 'node:timers/promises';
import { NoHelloError, SoakConnection } from '../../load/soak/connection.ts';
import { queryOf, type Wish } from '../../load/soak/wishes.ts';
import { PokeJudge } from './poke-judge.ts';

const retryMs = 100;
/** Longer than any run; the longest possible timer. */
const foreverMs = 2 ** 31 - 1;

/** Subscribes to an empty log, reconnects with its last id whenever its connection ends, and judges every event. */
export class JudgedReader {
  readonly judge: PokeJudge;
  connections = 0;
  /** Reasons of resets. */
  readonly resets: string[] = [];
  /** Resolves when it has subscribed. */
  readonly begun: Promise<void>;
  readonly #wish: Wish;
  readonly #port: () => number;
  readonly #begin: () => void;
  #connection: SoakConnection | undefined;
  /** The port it is connected to. */
  #at: number | undefined;

  /** `port`: where to connect next. */
  constructor(wish: Wish, port: () => number) {
    this.#wish = wish;
    this.#port = port;
    this.judge = new PokeJudge(wish);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.#begin = resolve;
  }

  get name(): string {
    return this.#wish.name;
  }

  /** The port that it is connected to; undefined: none. */
  get at(): number | undefined {
    return this.#at;
  }

  /** Resolves after the signal, when its connection is closed. */
  async run(signal: AbortSignal): Promise<void> {
    const end = () => void this.#connection?.end();
    signal.addEventListener('abort', end);
    while (!signal.aborted) {
      // Without an answer nothing has changed, so it retries.
      if (!(await this.#hear(signal))) await delay(retryMs);
    }
    signal.removeEventListener('abort', end);
  }

  /** Reads one connection to its end; returns false if there was none. */
  async #hear(signal: AbortSignal): Promise<boolean> {
    const port = this.#port();
    const connection = await this.#open(port);
    if (connection === undefined) return false;
    this.connections++;
    this.#begin();
    this.#connection = connection;
    this.#at = port;
    const take = () => {
      for (const poke of connection.pokes.splice(0)) this.judge.take(poke);
      return signal.aborted;
    };
    await connection.until(take, foreverMs);
    take();
    this.#at = undefined;
    this.resets.push(...connection.resets);
    await connection.end();
    return true;
  }

  async #open(port: number): Promise<SoakConnection | undefined> {
    const id = this.#connection?.lastEventId;
    const headers = { accept: 'text/event-stream', ...(id !== undefined && { 'last-event-id': id }) };
    const path = `/subscribe?${queryOf(this.#wish)}`;
    try {
      return await SoakConnection.open(port, { path, headers, isFromElsewhere: false });
    } catch (error) {
      if (error instanceof NoHelloError) return undefined;
      throw error;
    }
  }
}
