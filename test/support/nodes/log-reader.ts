import { setTimeout as delay } from 'node:timers/promises';
import { problemOf, wantedOf } from '../../../load/soak/check.ts';
import { NoHelloError, SoakConnection } from '../../../load/soak/connection.ts';
import type { Random } from '../../../load/soak/random.ts';
import { queryOf, type Wish } from '../../../load/soak/wishes.ts';
import { positionIn } from '../cursors.ts';
import type { Ledger, Row } from './ledger.ts';

export type LogReaderOptions = {
  /** Where it connects next. */
  readonly port: () => number;
  readonly random: Random;
  /** Reports a problem. */
  readonly problem: (text: string) => void;
};

/** Counts of a reader's connections. */
export type ReaderCounts = { connections: number; cuts: number; stalls: number; pokes: number };

const connectMs = 60_000;
const toldMs = 60_000;
const retryMs = 50;
const pauseMs = 100;

/** Reads from the start of the log, over one connection after another, at the next node. */
export class LogReader {
  readonly wish: Wish;
  readonly counts: ReaderCounts = { connections: 0, cuts: 0, stalls: 0, pokes: 0 };
  readonly #options: LogReaderOptions;
  readonly #connections: { readonly connection: SoakConnection; readonly helloMs: number }[] = [];
  #isOver = false;

  constructor(wish: Wish, options: LogReaderOptions) {
    this.wish = wish;
    this.#options = options;
  }

  get isConnected(): boolean {
    return !this.#last.isClosed;
  }

  /** Connects, resuming after the last id if there is one. */
  async connect(): Promise<void> {
    const { port } = this.#options;
    const path = `/subscribe?${queryOf(this.wish)}`;
    const lastEventId = this.#connections.at(-1)?.connection.lastEventId;
    const headers = { accept: 'text/event-stream', ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
    const deadlineMs = performance.now() + connectMs;
    for (;;) {
      try {
        const connection = await SoakConnection.open(port(), { path, headers, isFromElsewhere: false });
        this.#connections.push({ connection, helloMs: performance.now() });
        this.counts.connections++;
        const from = lastEventId === undefined ? connection.cursor : positionIn(lastEventId);
        if (connection.cursor !== from) this.#problem(`began behind ${connection.cursor} in place of ${from}`);
        return;
      } catch (error) {
        // A stopping node may end the connection before its hello.
        if (!(error instanceof NoHelloError) || performance.now() > deadlineMs) throw error;
        await delay(retryMs);
      }
    }
  }

  /** Reconnects whenever its connection has ended, until the signal aborts. */
  async hold(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    while (!signal.aborted) {
      await Promise.race([this.#last.closed, over]);
      if (!signal.aborted) await this.connect();
    }
  }

  /** Stops reading during this promise. */
  async stall(meanwhile: Promise<void>): Promise<void> {
    this.counts.stalls++;
    this.#last.pause();
    await meanwhile;
    this.#last.readOn();
  }

  /** Reads slowly, is cut and reconnects, until the signal aborts. */
  async suffer(incidentMs: number, signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      await delay(random.gapMs(incidentMs));
      const last = this.#last;
      const kind = random.below(3);
      if (kind === 0) {
        last.pause();
        await delay(random.gapMs(pauseMs));
        last.readOn();
      } else {
        this.counts.cuts++;
        await (kind === 1 ? last.end() : last.cutAfter(random.below(2_000), 200));
      }
      if (last.isClosed) await this.connect();
    }
  }

  /** Resolves when it has received everything; reports problems of its connections. */
  async finish(rows: readonly Row[], ledger: Ledger): Promise<void> {
    const wanted = wantedOf(rows, this.wish) as Row[];
    let hasHeardAll = await this.#hearsAll(wanted.at(-1));
    while (!hasHeardAll && this.#last.isClosed && !this.#isOver) {
      await this.connect();
      hasHeardAll = await this.#hearsAll(wanted.at(-1));
    }
    if (!hasHeardAll)
      this.#problem(`was told ${this.#last.head} as the head in place of ${wanted.at(-1)?.globalPosition}`);
    for (const { connection, helloMs } of this.#connections) {
      const problem =
        problemOf(connection, wanted, connection === this.#last) ??
        this.#gapProblem(connection, wanted) ??
        startProblem(connection, wanted, (id) => ledger.sentMs(id) > helloMs) ??
        (connection.resets.length > 0 ? `was reset by ${connection.resets.join()}` : undefined);
      if (problem !== undefined) this.#problem(problem);
      this.counts.pokes += connection.pokes.length;
    }
  }

  /** Ends its connection, and stops waiting for what has not arrived. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#connections.at(-1)?.connection.end();
  }

  get #last(): SoakConnection {
    return this.#connections.at(-1)!.connection;
  }

  /** Nothing may be missing before the id it would resume with, because that id covers everything up to there. */
  #gapProblem({ pokes, cursor, lastEventId }: SoakConnection, wanted: readonly Row[]): string | undefined {
    if (this.wish.conflated) return undefined;
    const upTo = positionIn(lastEventId)!;
    const due = wanted.filter(({ globalPosition }) => globalPosition > cursor && globalPosition <= upTo);
    return pokes.length === due.length ? undefined : `was told ${pokes.length} of ${due.length} up to ${upTo}`;
  }

  /** Whether it received the last message it selects, and its heartbeats confirm that it is the last. */
  async #hearsAll(last: Row | undefined): Promise<boolean> {
    const connection = this.#last;
    connection.readOn();
    const upTo = last?.globalPosition ?? 0;
    const isTold = () =>
      Math.max(connection.cursor, connection.pokes.at(-1)?.globalPosition ?? 0) >= upTo &&
      (!this.wish.heads || connection.head === upTo);
    return connection.until(isTold, toldMs);
  }

  #problem(text: string): void {
    this.#options.problem(`${this.wish.name}: ${text}`);
  }
}

/** Messages sent only after its hello lie after the cursor where it started. */
function startProblem({ cursor }: SoakConnection, wanted: readonly Row[], isLater: (id: string) => boolean) {
  const missed = wanted.find(({ id, globalPosition }) => globalPosition <= cursor && isLater(id));
  return missed === undefined ? undefined : `began behind ${cursor} before ${missed.globalPosition} was written`;
}
