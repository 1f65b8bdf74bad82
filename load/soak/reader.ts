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
/** Longest time that a socket stays full: sometimes longer than the server waits. */
const longestStallMs = 9_000;
const seeMs = 300;

/** Reads a namespace from creation to deletion, over one connection after another. */
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

  /** Connects. It keeps its cursor from the previous namespace, which belongs to another log, and the server must say so. */
  async begin(namespace: string, token: string): Promise<void> {
    this.#namespace = namespace;
    this.#token = token;
    this.#connections.splice(0, this.#connections.length - 1);
    await this.#connect(true);
  }

  /** Reads and has incidents until the signal. `fill` writes until this reader's socket is full. */
  async live(fill: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { random, incidentMs } = this.#options;
    while (await slept(random.gapMs(incidentMs), signal)) {
      await this.#incident(fill, signal);
      if (this.#last.isClosed) await this.#connect(false);
    }
  }

  /** Resolves when it has received everything of this log; reports problems of its connections. */
  async finish(log: readonly Entry[]): Promise<void> {
    const { tally } = this.#options;
    this.#last.readOn();
    // Only reading again, or receiving everything, shows whether the server closes it after a stall.
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

  /** Resolves when the deletion of the namespace ended it with the right event. */
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

  /** The connection of the previous life does not count. */
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
      // If the server closed it in the meantime, that shows after the last bytes.
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

  /** Whether it received the last message it selects and, if its heartbeats include heads, whether that is the last. */
  async #hearsAll(last: Entry | undefined): Promise<boolean> {
    const connection = this.#last;
    const upTo = last?.globalPosition ?? 0;
    const isTold = () =>
      Math.max(connection.cursor, connection.pokes.at(-1)?.globalPosition ?? 0) >= upTo &&
      (!this.wish.heads || connection.head === upTo);
    return connection.until(isTold, toldTimeoutMs);
  }

  #otherProblem({ isClosed, isCut, endCode, wasPaused, isFromElsewhere, resets, pokes }: SoakConnection) {
    // A connection cut early did not receive its reset.
    if (resets.length > 0 !== isFromElsewhere && !(isCut && pokes.length === 0)) {
      return `was reset by ${resets.join() || 'nothing'}, ${isFromElsewhere ? 'with' : 'without'} a cursor of another log`;
    }
    // A full socket cannot receive the reason for its end.
    const isExplained = isCut || (wasPaused && endCode === undefined);
    return isClosed && !isExplained ? `was ended by the server with ${endCode}` : undefined;
  }

  #problem(text: string): void {
    this.#options.tally.problem(`${this.#namespace}, ${this.wish.name}: ${text}`);
  }
}

/** Sleeps; false: the signal came first. */
export async function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return sleep(ms, true, { signal }).catch(() => false);
}
