import type { LogId } from '../log-id.ts';
import type { Query } from './read-pokes.ts';

/**
 * Which epoch the log of a database has once it lost its end: messages that were delivered are gone, and others get their positions.
 * Only a node that had delivered them can tell.
 */
export interface KeptEpochs {
  /** The epoch of the log that the database, which has this epoch, holds now. */
  read(query: Query, ofDatabase: LogId): Promise<LogId>;
  /** Ends the log `lost` and begins `next` in its place. Resolves to the epoch of all nodes, which another one may have begun. */
  replace(query: Query, ofDatabase: LogId, lost: LogId, next: LogId): Promise<LogId>;
}

/** Keeps it in this process, for a database without the schema `pokewire`: nodes that are started later cannot tell. */
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

/** Keeps it in the schema `pokewire`, for all nodes. A change raises the revision of the namespace, which all of them read. */
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

/** Whether the schema `pokewire`, which this role may use, has a place for it: it may have been made before there was one. */
export async function keepsEpochs(query: Query): Promise<boolean> {
  const { rows } = await query<readonly [boolean]>(
    `SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
       AND has_table_privilege(c.oid, 'UPDATE')
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pokewire'
     WHERE c.relname = 'epochs'`,
  );
  return rows[0]?.[0] ?? false;
}
