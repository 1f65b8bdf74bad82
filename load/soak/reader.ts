import { setTimeout as sleep } from 'node:timers/promises';
import { type Entry, problemOf, wantedOf } from './check.ts';
import type { SoakConnection } from './connection.ts';
import type { Random } from './random.ts';
import type { SoakServer } from './server.ts';
import type { Tally } from './tally.ts';
import { queryOf, type Wish } from './wishes.ts';

export type ReaderOptions = {
  readonly server: SoakServer;
  readonly random: Random;
  readonly tally: Tally;
  /** Mean time between two incidents of a connection. */
  readonly incidentMs: number;
};

const toldTimeoutMs = 60_000;
const pauseMs = 400;
/** A socket that was filled stays so for as long at most: longer than the server waits, now and then. */
const longestStallMs = 9_000;
const seeMs = 300;

/** One who reads a namespace from its creation to its deletion, over one connection after another. */
export class SoakReader {
  readonly wish: Wish;
  readonly #options: ReaderOptions;
  readonly #connections: SoakConnection[] = [];
  #namespace = '';
  #token = '';

  constructor(wish: Wish, options: ReaderOptions) {
    this.wish = wish;
    this.#options = options;
  }

  /**
   * Connects. What it knows of the last namespace it keeps: its cursor is of another log then, and the server must say so.
   */
  async begin(namespace: string, token: string): Promise<void> {
    this.#namespace = namespace;
    this.#token = token;
    this.#connections.splice(0, this.#connections.length - 1);
    await this.#connect(true);
  }

  /** Reads and has incidents until the signal; `fill` writes until this reader's socket is full. */
  async live(fill: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { random, incidentMs } = this.#options;
    while (await slept(random.gapMs(incidentMs), signal)) {
      await this.#incident(fill, signal);
      if (this.#last.isClosed) await this.#connect(false);
    }
  }

  /** Resolves when it was told everything of this log, and says what was wrong with any of its connections. */
  async finish(log: readonly Entry[]): Promise<void> {
    const { tally } = this.#options;
    this.#last.readOn();
    // Whether the server will close it after a stall is known when it reads again, or when it is told everything.
    const wanted = wantedOf(log, this.wish);
    for (let tries = 0; tries < 3 && !(await this.#hearsAll(wanted.at(-1))); tries++) {
      if (!this.#last.isClosed) break;
      await this.#connect(false);
    }
    for (const connection of this.#ofThisLife) {
      const isLast = connection === this.#last;
      const problem = problemOf(connection, wanted, isLast) ?? this.#otherProblem(connection);
      if (problem !== undefined) this.#problem(problem);
      tally.counts.pokes += connection.pokes.length;
      tally.counts.conflatedPokes += connection.pokes.filter(({ count }) => count !== undefined).length;
      tally.counts.resets += connection.resets.length;
      if (connection.isClosed && !connection.isCut) tally.counts.endsStalled++;
    }
  }

  /** Resolves when the deletion of the namespace ended it, which it must say. */
  async see(what: 'namespace-deleted'): Promise<void> {
    const { tally } = this.#options;
    await this.#last.until(() => false, toldTimeoutMs);
    if (!this.#last.isClosed) this.#problem('outlived its namespace');
    else if (this.#last.endCode !== what) this.#problem(`was told ${this.#last.endCode} at the end of its namespace`);
    else tally.counts.endsDeleted++;
    await this.#last.end();
    for (const connection of this.#connections) connection.pokes.length = 0;
  }

  get #last(): SoakConnection {
    return this.#connections.at(-1)!;
  }

  /** Without the one of the life before. */
  get #ofThisLife(): readonly SoakConnection[] {
    const { epoch } = this.#last;
    return this.#connections.filter((connection) => connection.epoch === epoch);
  }

  async #incident(fill: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { random, tally } = this.#options;
    const connection = this.#last;
    if (this.wish.stalls && random.below(4) === 0) {
      tally.counts.stalls++;
      connection.pause();
      await fill();
      await slept(random.below(longestStallMs), signal);
      connection.readOn();
      // If the server closed it meanwhile, that is seen behind the last bytes.
      await connection.until(() => false, seeMs);
      return;
    }
    const kind = random.below(4);
    if (kind === 0) {
      connection.pause();
      await slept(random.gapMs(pauseMs), signal);
      connection.readOn();
      return;
    }
    tally.counts.cuts++;
    if (kind === 1) await connection.end();
    else await connection.cutAfter(kind === 2 ? 0 : 1 + random.below(3_000), 2_000);
  }

  async #connect(isFirst: boolean): Promise<void> {
    const { server, tally, random } = this.#options;
    const before = this.#connections.at(-1);
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` };
    const query = queryOf(this.wish);
    const isOld = isFirst && before !== undefined && random.below(2) === 0;
    const lastEventId = isFirst && !isOld ? '' : (before?.lastEventId ?? '');
    if (lastEventId !== '') headers['last-event-id'] = lastEventId;
    if (before !== undefined && (!isFirst || isOld)) query.append('epoch', before.epoch);
    tally.counts.connections++;
    const path = `/subscribe?${query}`;
    const connection = await server.subscribe({ path, headers, isFromElsewhere: isOld });
    this.#connections.push(connection);
    if (!isFirst && connection.epoch !== before?.epoch) {
      this.#problem(`was told the epoch ${connection.epoch} behind ${before?.epoch}`);
    }
    if (!connection.isFromElsewhere && lastEventId !== '' && connection.cursor !== Number.parseInt(lastEventId, 10)) {
      this.#problem(`began behind ${connection.cursor} in place of ${lastEventId}`);
    }
  }

  /** Whether it was told the last message that it wants, and, if its heartbeats tell heads, that this is the last. */
  async #hearsAll(last: Entry | undefined): Promise<boolean> {
    const connection = this.#last;
    const upTo = last?.globalPosition ?? 0;
    const isTold = () =>
      Math.max(connection.cursor, connection.pokes.at(-1)?.globalPosition ?? 0) >= upTo &&
      (!this.wish.heads || connection.head === upTo);
    return connection.until(isTold, toldTimeoutMs);
  }

  #otherProblem({ isClosed, isCut, endCode, wasPaused, isFromElsewhere, resets, pokes }: SoakConnection) {
    // One that was cut at once did not hear its reset.
    if (resets.length > 0 !== isFromElsewhere && !(isCut && pokes.length === 0)) {
      return `was reset by ${resets.join() || 'nothing'}, ${isFromElsewhere ? 'with' : 'without'} a cursor of another log`;
    }
    // A socket that is full cannot be told why it ends.
    const isExplained = isCut || (wasPaused && endCode === undefined);
    return isClosed && !isExplained ? `was ended by the server with ${endCode}` : undefined;
  }

  #problem(text: string): void {
    this.#options.tally.problem(`${this.#namespace}, ${this.wish.name}: ${text}`);
  }
}

/** Sleeps; false: the signal came before. */
export async function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return sleep(ms, true, { signal }).catch(() => false);
}
