import type { Connection, Statement } from './connection.ts';

/** A transaction that took a global position and is still open. */
export type Holder = string;

/** The transaction that blocks the order of the log. `pid` is 0 for a prepared transaction, which has no process. */
export type Culprit = { readonly pid: number; readonly ageS: number; readonly application: string };

/** Two-phase commit hands the lock to a transaction without a backend. */
const prepared = '-1/';

const readHolders: Statement = {
  name: 'holders',
  text: `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = $1 AND mode = 'RowExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
};

/**
 * Finds transactions that may still commit a position below a visible one. `nextval` locks the sequence until its
 * transaction ends, and the lock is released after the commit is visible. So a transaction that took a lower position
 * either holds the lock during the check, or has ended; then a statement that starts after the check sees its rows.
 */
export class SequenceFence {
  readonly #connection: Pick<Connection, 'query'>;
  readonly #sequence: number;

  constructor(connection: Pick<Connection, 'query'>, sequence: number) {
    this.#connection = connection;
    this.#sequence = sequence;
  }

  /** The current lock holders. */
  async holders(): Promise<ReadonlySet<Holder>> {
    const { rows } = await this.#connection.query<readonly [string]>(readHolders, [this.#sequence]);
    return new Set(rows.map(([holder]) => holder));
  }

  /** The oldest lock holder, as far as this role may see it. */
  async culprit(): Promise<Culprit | undefined> {
    const { rows } = await this.#connection.query<readonly [number, number, string | null]>(
      `SELECT coalesce(l.pid, 0), coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)), 0)::int,
         coalesce(a.application_name, 'prepared ' || p.gid)
       FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
         LEFT JOIN pg_prepared_xacts p ON l.virtualtransaction = '${prepared}' || p.transaction
       WHERE l.locktype = 'relation' AND l.relation = $1 AND l.mode = 'RowExclusiveLock'
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       ORDER BY coalesce(a.xact_start, p.prepared) NULLS LAST LIMIT 1`,
      [this.#sequence],
    );
    const found = rows[0];
    return found === undefined ? undefined : { pid: found[0], ageS: found[1], application: found[2] ?? '' };
  }
}

/**
 * The owners that still hold the lock. A prepared transaction always counts as one of them, because an owner that was
 * prepared in the meantime has another identifier.
 */
export function remaining(owners: ReadonlySet<Holder>, present: ReadonlySet<Holder>): ReadonlySet<Holder> {
  return new Set([...present].filter((holder) => owners.has(holder) || holder.startsWith(prepared)));
}
