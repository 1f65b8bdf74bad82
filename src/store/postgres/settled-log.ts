import { setTimeout as delay } from 'node:timers/promises';
import { PokewireError } from '../../errors.ts';
import type { Poke } from '../../message/poke.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { Announced } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { StoreReporter } from '../open-store.ts';
import type { Connection, Statement } from './connection.ts';
import { storeFault } from './database-errors.ts';
import { fenceDelayMs, type Gap } from './gap.ts';
import { LogFollowers } from './log-followers.ts';
import { hasLostItsEnd, type Row } from './lost-end.ts';
import type { Query } from './read-pokes.ts';
import { type Culprit, type Holder, remaining, SequenceFence } from './sequence-fence.ts';
import { SharedRead } from './shared-read.ts';
import { StallReport } from './stall-report.ts';

/** Maximum number of rows per poll. */
const rowsPerLook = 1_000;
const pollMs = 5;
/** How long a call waits for a transaction that blocks the order before it returns the settled head so far. */
const patienceMs = 1_000;

const readNews: Statement = {
  name: 'news',
  text: `SELECT global_position, stream_name, position FROM message_store.messages
    WHERE global_position > $1 ORDER BY global_position LIMIT ${rowsPerLook}`,
};

export type SettledLogOptions = {
  readonly epoch: LogId;
  readonly connection: Pick<Connection, 'query'>;
  readonly sequence: number;
  readonly pokes: ObjectPool<Poke>;
  readonly log: StoreReporter | undefined;
  /** Called with the duration of each poll of the table. */
  readonly looked: (durationMs: number) => void;
};

/**
 * Follows the table in order of global position, although transactions commit in another order. `safe` is the settled
 * head: no position up to it can still appear. Rows that follow it without a gap are settled at once; a gap waits for
 * the transactions that may fill it. One connection polls for all subscribers of the node.
 */
export class SettledLog {
  readonly epoch: LogId;
  readonly #connection: Pick<Connection, 'query'>;
  readonly #fence: SequenceFence;
  readonly #followers: LogFollowers;
  readonly #report: StallReport;
  readonly #looked: (durationMs: number) => void;
  /** Undefined until all transactions open at the start have ended. */
  #safe: number | undefined = undefined;
  #gap: Gap | undefined = undefined;
  /** The highest position seen, settled or not. */
  #seen = 0;
  readonly #looks = new SharedRead(() => this.#lookMeasured());
  #timer: NodeJS.Timeout | undefined = undefined;
  #isStopped = false;
  /** The last settled message, if this node has read it. */
  #last: Row | undefined = undefined;
  /** Number of polls of the table. */
  polls = 0;
  /** Positions before the first message of a log that was empty at the start: rolled back, not deleted. */
  unusedUpTo = 0;

  constructor({ epoch, connection, sequence, pokes, log, looked }: SettledLogOptions) {
    this.epoch = epoch;
    this.#connection = connection;
    this.#fence = new SequenceFence(connection, sequence);
    this.#followers = new LogFollowers(epoch, pokes);
    this.#report = new StallReport(log);
    this.#looked = looked;
  }

  /** The settled head as far as this node knows, without a poll. */
  get head(): number {
    return this.#safe ?? 0;
  }

  /** Number of positions above the settled head in the last poll; 0 while nothing blocks. */
  get unsettled(): number {
    return this.#gap === undefined ? 0 : Math.max(0, this.#seen - this.head);
  }

  /** How long the order has been blocked, and by which transaction; undefined if it is not. */
  get stall(): { readonly ageS: number; readonly culprit: Culprit | undefined } | undefined {
    const gap = this.#gap;
    return gap === undefined ? undefined : { ageS: (performance.now() - gap.sinceMs) / 1_000, culprit: gap.culprit };
  }

  /** Number of rows with stream names that no poke can carry. */
  get unpokable(): number {
    return this.#followers.unpokable;
  }

  /**
   * The settled head after a poll that started after this call. Waits up to 1 s for transactions that block the order.
   * Throws `NOT_READY` while no head is known since the start.
   */
  async settled(): Promise<number> {
    for (;;) {
      await this.#looks.run();
      const gap = this.#gap;
      if (gap === undefined || performance.now() - gap.sinceMs >= patienceMs) break;
      await delay(fenceDelayMs(gap));
    }
    if (this.#safe !== undefined) return this.#safe;
    const { culprit } = this.#gap!;
    throw new PokewireError('NOT_READY', `The order of the log has been blocked since the start${nameOf(culprit)}.`);
  }

  /** Whether messages that this node settled are missing from the database that `query` reads. */
  hasLostItsEnd(query: Query): Promise<boolean> {
    return hasLostItsEnd(query, this.head, this.#last);
  }

  follow(announced: Announced): () => void {
    const unfollow = this.#followers.add(announced);
    this.#schedule(0);
    return unfollow;
  }

  /** Polls at once if there are followers. */
  kick(): void {
    if (this.#followers.count > 0 && !this.#isStopped) void this.#looks.run().catch(() => {});
  }

  /**
   * Takes the rows that this node has just committed. Those that follow the settled head without a gap are settled, and
   * announced without a poll. `isSameServer`: they were committed on the server that is polled. On another server the
   * rows before may differ, so a poll is needed.
   */
  committed(rows: readonly Row[], isSameServer: boolean): void {
    if (this.#followers.count === 0 || this.#isStopped) return;
    // A poll may have announced the first rows before their commit was answered.
    const first = rows.findIndex(([globalPosition]) => globalPosition > this.head);
    if (first === -1) return;
    const news = rows.slice(first);
    const positions = news.map(([globalPosition]) => globalPosition);
    this.#followers.ownTimes.note(positions, performance.now());
    const isNext = isSameServer && this.#safe !== undefined && this.#gap === undefined;
    const count = isNext ? contiguous(news, this.#safe!) : 0;
    if (count > 0) this.#advance(news.slice(0, count), news[count - 1]![0]);
    if (count < news.length) this.kick();
  }

  /** Ends a log that was replaced: its followers read once more and find that it is gone. */
  end(): void {
    this.#followers.end();
    this.stop();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#followers.clear();
  }

  /** Keeps polling while there are followers. */
  #schedule(afterMs: number): void {
    if (this.#timer !== undefined || this.#isStopped || this.#followers.count === 0) return;
    this.#timer = setTimeout(async () => {
      await this.#looks.run().catch(() => {});
      this.#timer = undefined;
      this.#schedule(this.#gap === undefined ? pollMs : fenceDelayMs(this.#gap));
    }, afterMs).unref();
  }

  async #lookMeasured(): Promise<void> {
    const startMs = performance.now();
    try {
      await this.#lookOnce();
    } catch (error) {
      throw storeFault(error);
    } finally {
      this.#looked(performance.now() - startMs);
    }
  }

  async #lookOnce(): Promise<void> {
    this.polls++;
    if (this.#safe === undefined) {
      await this.#begin();
      if (this.#safe === undefined) return;
    }
    // `#begin` settles rows that were visible when it started; the caller may want rows committed while it waited.
    for (;;) {
      // In this order: the statement that reads rows must start after the locks were read.
      const holders = this.#gap === undefined ? undefined : this.#fence.holders();
      const reading = this.#connection.query<Row>(readNews, [this.#safe]);
      const [present, { rows: read }] = await Promise.all([holders, reading]);
      if (this.#isStopped) return;
      const isFull = read.length === rowsPerLook;
      if (isFull && this.#followers.count === 0 && (await this.#jump())) return;
      // Own commits may have been settled in the meantime.
      const rows = read.filter(([globalPosition]) => globalPosition > this.#safe!);
      this.#seen = rows.at(-1)?.[0] ?? this.#seen;
      this.#take(rows, present, isFull);
      if (this.#safe! >= (rows.at(-1)?.[0] ?? 0)) {
        if (!isFull) return;
        continue;
      }
      if (this.#gap !== undefined && present !== undefined) return this.#watchStall();
      const sinceMs = this.#gap?.sinceMs ?? performance.now();
      this.#gap = { sinceMs, upTo: rows.at(-1)![0], owners: await this.#fence.holders(), culprit: undefined };
      if (this.#gap.owners.size > 0) return;
    }
  }

  /** Settles rows after `safe` and announces them. `present`: the lock holders before the rows were read. */
  #take(rows: readonly Row[], present: ReadonlySet<Holder> | undefined, isFull: boolean): void {
    const gap = this.#gap;
    let decided = 0;
    if (gap !== undefined && present !== undefined) {
      gap.owners = remaining(gap.owners, present);
      if (gap.owners.size === 0) {
        const last = isFull ? rows.at(-1)![0] : gap.upTo;
        decided = Math.min(gap.upTo, last);
      }
    }
    let safe = this.#safe!;
    let count = 0;
    for (const [globalPosition] of rows) {
      if (globalPosition > decided && globalPosition !== Math.max(safe, decided) + 1) break;
      safe = globalPosition;
      count++;
    }
    safe = Math.max(safe, decided);
    if (gap !== undefined && (decided > 0 || safe >= gap.upTo)) this.#endGap();
    if (safe > this.#safe!) this.#advance(rows.slice(0, count), safe);
  }

  #advance(rows: readonly Row[], upTo: number): void {
    const after = this.#safe!;
    if (after === 0 && rows.length > 0) this.unusedUpTo = rows[0]![0] - 1;
    this.#safe = upTo;
    this.#last = rows.at(-1);
    this.#followers.announce(rows, after, upTo);
  }

  /** Moves the settled head to the end without reading the rows in between, if no open transaction has taken a position. */
  async #jump(): Promise<boolean> {
    const [last, holders] = await Promise.all([this.#lastPosition(), this.#fence.holders()]);
    if (holders.size > 0) return false;
    this.#safe = Math.max(last, this.#safe!);
    this.#followers.ownTimes.settle(this.#safe);
    this.#last = undefined;
    this.#endGap();
    return true;
  }

  /** At the start: settles every visible row once the current lock holders have ended. */
  async #begin(): Promise<void> {
    if (this.#gap === undefined) {
      const [upTo, owners] = await Promise.all([this.#lastPosition(), this.#fence.holders()]);
      this.#gap = { sinceMs: performance.now(), upTo, owners, culprit: undefined };
      this.#seen = upTo;
    } else {
      this.#gap.owners = remaining(this.#gap.owners, await this.#fence.holders());
    }
    if (this.#gap.owners.size > 0) return this.#watchStall();
    this.#safe = this.#gap.upTo;
    this.#endGap();
  }

  async #lastPosition(): Promise<number> {
    const { rows } = await this.#connection.query<readonly [number | null]>(
      'SELECT max(global_position) FROM message_store.messages',
    );
    return rows[0]?.[0] ?? 0;
  }

  async #watchStall(): Promise<void> {
    const gap = this.#gap!;
    if (performance.now() - gap.sinceMs < patienceMs) return;
    gap.culprit = await this.#fence.culprit();
    this.#report.stalled(gap.culprit);
  }

  #endGap(): void {
    this.#gap = undefined;
    this.#report.ended();
  }
}

/** Number of rows that follow a position without a gap. */
function contiguous(rows: readonly Row[], after: number): number {
  const end = rows.findIndex(([globalPosition], at) => globalPosition !== after + 1 + at);
  return end === -1 ? rows.length : end;
}

function nameOf(culprit: Culprit | undefined): string {
  return culprit === undefined ? '' : ` by process ${culprit.pid} (${culprit.application}), open for ${culprit.ageS} s`;
}
