import { PokewireError } from '../../errors.ts';
import type { LogId } from '../log-id.ts';
import type { StoreOptions } from '../open-store.ts';
import type { Connection } from './connection.ts';
import type { KeptEpochs } from './kept-epochs.ts';
import type { MessageDb } from './message-db.ts';
import type { Query } from './read-pokes.ts';
import { SettledLog } from './settled-log.ts';

export type ServedLogOptions = Pick<StoreOptions, 'pokes' | 'log'> & {
  readonly tail: Connection;
  readonly epochs: KeptEpochs;
  /** Called with the duration of each poll of the table. */
  readonly looked: (durationMs: number) => void;
  /** Called with the epoch of the new log when it replaces the previous one. */
  readonly replaced: (epoch: LogId) => void;
};

/** The log that the database currently holds. A failover that may have lost messages replaces it. */
export class ServedLog {
  readonly #options: ServedLogOptions;
  #settled: SettledLog;
  #isByteOrder: boolean;
  /** The database's epoch. The log has the same, unless it {@link KeptEpochs lost its end}. */
  #ofDatabase: LogId;
  /** The server that the tail reads from; undefined until it is known to hold the same log. */
  #server: string | undefined;

  constructor(options: ServedLogOptions, found: MessageDb, epoch: LogId) {
    this.#options = options;
    this.#settled = this.#settledOf(found, epoch);
    this.#isByteOrder = found.isByteOrder;
    this.#ofDatabase = found.epoch;
    this.#server = found.server;
  }

  get settled(): SettledLog {
    return this.#settled;
  }

  get isByteOrder(): boolean {
    return this.#isByteOrder;
  }

  /** Whether the tail reads from this server, and it holds the same log. */
  isReadFrom(server: string | undefined): boolean {
    return this.#options.tail.isReady && server === this.#server;
  }

  /** Called for each new connection of the tail. After a failover or a restored dump, switches to the log found there. */
  async become(found: MessageDb, query: Query): Promise<void> {
    this.#server = undefined;
    await this.#switch(found, query);
    this.#server = found.server;
  }

  async #switch(found: MessageDb, query: Query): Promise<void> {
    const { epochs, log, replaced } = this.#options;
    const settled = this.#settled;
    const ofDatabase = this.#ofDatabase;
    let served = await epochs.read(query, found.epoch);
    // A standby may lack the row that records the new epoch.
    const hasLostEpoch = found.epoch === ofDatabase && served === ofDatabase && served !== settled.epoch;
    if (hasLostEpoch || (served === settled.epoch && (await settled.hasLostItsEnd(query)))) {
      // Derived, so that nodes that notice the loss independently agree.
      const next = `${found.epoch.slice(0, 53)}-${found.startedS}` as LogId;
      served = await epochs.replace(query, found.epoch, served, next);
      log?.warn(
        { epoch: settled.epoch, next: served },
        'the database lost messages that were delivered, so its log gets a new epoch',
      );
    }
    if (served === settled.epoch) return;
    this.#settled = this.#settledOf(found, served);
    this.#isByteOrder = found.isByteOrder;
    this.#ofDatabase = found.epoch;
    replaced(served);
    settled.end();
  }

  /** Another node may have noticed the loss of messages; a new connection of the tail then switches. */
  async checkEpoch(query: Query): Promise<void> {
    const { epochs, tail } = this.#options;
    const settled = this.#settled;
    const served = await epochs.read(query, this.#ofDatabase).catch(() => settled.epoch);
    if (served === settled.epoch || settled !== this.#settled) return;
    tail.drop();
    await tail.query('SELECT 1').catch(() => {});
  }

  /** Refuses a database with another log until the tail has switched to it. */
  requireSame({ epoch }: MessageDb): void {
    if (epoch === this.#ofDatabase) return;
    // Opens the tail if it is closed, which makes it switch. An open one notices when it breaks.
    void this.#options.tail.query('SELECT 1').catch(() => {});
    throw new PokewireError('NOT_READY', 'PostgreSQL now holds a different log from the one this node serves.');
  }

  #settledOf({ sequence }: MessageDb, epoch: LogId): SettledLog {
    const { tail: connection, pokes, log, looked } = this.#options;
    return new SettledLog({ epoch, connection, sequence, pokes, log, looked });
  }
}
