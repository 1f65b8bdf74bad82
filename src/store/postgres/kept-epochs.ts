import type { LogId } from '../log-id.ts';
import type { Query } from './read-pokes.ts';

/**
 * Stores the epoch of a log after the database lost its end: delivered messages are gone, and others take their
 * positions. Only nodes that delivered them can detect this.
 */
export interface KeptEpochs {
  /** The current epoch of the log in the database with this epoch. */
  read(query: Query, ofDatabase: LogId): Promise<LogId>;
  /** Replaces the epoch `lost` by `next`. Resolves to the epoch that all nodes use, which may be one that another node set first. */
  replace(query: Query, ofDatabase: LogId, lost: LogId, next: LogId): Promise<LogId>;
}

/**
 * Stores the epoch in this process, for a database without the schema `pokewire`: nodes started later do not know it.
 */
export class ProcessEpochs implements KeptEpochs {
  #last: { readonly ofDatabase: LogId; readonly epoch: LogId } | undefined = undefined;

  async read(_query: Query, ofDatabase: LogId): Promise<LogId> {
    return this.#last?.ofDatabase === ofDatabase ? this.#last.epoch : ofDatabase;
  }

  async replace(_query: Query, ofDatabase: LogId, _lost: LogId, next: LogId): Promise<LogId> {
    this.#last = { ofDatabase, epoch: next };
    return next;
  }
}

/** Stores the epoch in the schema `pokewire`, for all nodes. A change raises the namespace's revision, which every node reads. */
export class StoredEpochs implements KeptEpochs {
  async read(query: Query, ofDatabase: LogId): Promise<LogId> {
    const { rows } = await query<readonly [LogId]>('SELECT epoch FROM pokewire.epochs WHERE of_database = $1', [
      ofDatabase,
    ]);
    return rows[0]?.[0] ?? ofDatabase;
  }

  async replace(query: Query, ofDatabase: LogId, lost: LogId, next: LogId): Promise<LogId> {
    await query(
      `WITH replaced AS (
         INSERT INTO pokewire.epochs AS e (of_database, epoch) VALUES ($1, $3)
         ON CONFLICT (of_database) DO UPDATE SET epoch = $3 WHERE e.epoch = $2
         RETURNING 1
       ) UPDATE pokewire.namespaces SET revision = revision + 1 WHERE EXISTS (SELECT FROM replaced)`,
      [ofDatabase, lost, next],
    );
    return this.read(query, ofDatabase);
  }
}

/** Whether the schema `pokewire`, usable by this role, has the table; a schema from an older version does not. */
export async function keepsEpochs(query: Query): Promise<boolean> {
  const { rows } = await query<readonly [boolean]>(
    `SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
       AND has_table_privilege(c.oid, 'UPDATE')
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pokewire'
     WHERE c.relname = 'epochs'`,
  );
  return rows[0]?.[0] ?? false;
}
