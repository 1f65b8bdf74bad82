import { ConfigError } from '../../config-error.ts';
import { PokewireError } from '../../errors.ts';
import type { LogId } from '../log-id.ts';
import { isConnectionFault, sqlStateOf } from './database-errors.ts';
import type { PostgresUrl } from './postgres-url.ts';
import type { Query } from './read-pokes.ts';

/** Facts about the database that the store needs. */
export type MessageDb = {
  readonly epoch: LogId;
  /** Start time of the server in seconds. */
  readonly startedS: number;
  /** Identifies one run of a server. A restart and a promoted standby have different ones. */
  readonly server: string;
  /** OID of the sequence of global positions. */
  readonly sequence: number;
  /** Whether names are collated by bytes, so that a prefix is a range. */
  readonly isByteOrder: boolean;
};

const install =
  'install Message DB 1.3: PGHOST=… PGUSER=… npx -p @eventide/message-db sh -c ' +
  "'$(npm root)/@eventide/message-db/database/install.sh', or see docs/stores.md";

type Facts = readonly [
  sequence: number,
  isRecovering: boolean,
  cache: number,
  canSelect: boolean,
  canInsert: boolean,
  identity: string,
  collation: string,
  startedMicros: number,
];

const factsSql = `
SELECT s.oid, pg_is_in_recovery(), q.seqcache,
  has_table_privilege(t.oid, 'SELECT') AND has_function_privilege('message_store.category(varchar)', 'EXECUTE'),
  has_table_privilege(t.oid, 'INSERT') AND has_sequence_privilege(s.oid, 'USAGE')
    AND has_function_privilege('message_store.hash_64(varchar)', 'EXECUTE'),
  concat_ws('-', 'pg', (SELECT system_identifier FROM pg_control_system()), d.oid, t.oid,
    CASE WHEN pg_is_in_recovery() THEN '0' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END),
  -- Names of ICU are in datlocale; the built-in provider, of version 17 on, orders by code points.
  CASE coalesce(to_jsonb(d)->>'datlocprovider', 'c') WHEN 'c' THEN d.datcollate WHEN 'b' THEN 'C' ELSE 'icu' END,
  (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
FROM pg_class t
JOIN pg_class s ON s.oid = pg_get_serial_sequence('message_store.messages', 'global_position')::regclass
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_database d ON d.datname = current_database()
WHERE t.oid = 'message_store.messages'::regclass`;

/** Inspects the database. Throws {@link ConfigError} with the remedy if it cannot be served. */
export async function inspectMessageDb(query: Query, url: PostgresUrl): Promise<MessageDb> {
  const facts = await askFacts(query, url);
  const [sequence, isRecovering, cache, canSelect, canInsert, identity, collation, startedMicros] = facts;
  const { database, user } = url;
  if (isRecovering) {
    throw new PokewireError(
      'NOT_READY',
      `${url.place} is a standby: connect to the primary, where the locks are visible.`,
    );
  }
  if (cache !== 1) {
    throw new ConfigError(
      `the sequence message_store.messages_global_position_seq caches ${cache} positions a session, so their order is lost: ` +
        'ALTER SEQUENCE message_store.messages_global_position_seq CACHE 1',
    );
  }
  if (!canSelect) throw noRights(database, user, 'read');
  if (!canInsert && !url.isReadOnly) throw noRights(database, user, 'append');
  const isByteOrder = collation === 'C' || collation === 'POSIX';
  const startedS = Math.floor(startedMicros / 1_000_000);
  const server = `${identity}-${startedMicros}`;
  return { epoch: (url.epoch ?? identity) as LogId, startedS, server, sequence, isByteOrder };
}

async function askFacts(query: Query, url: PostgresUrl): Promise<Facts> {
  const { database, user } = url;
  try {
    const { rows } = await query<Facts>(factsSql);
    if (rows[0] !== undefined) return rows[0];
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === '42501') throw noRights(database, user, 'read');
    // The database or the role does not exist, or the password is wrong.
    if (state === '3D000' || state?.startsWith('28')) throw new ConfigError(`--store: ${(error as Error).message}`);
    if (state === undefined || isConnectionFault(error)) throw error;
    if (!['3F000', '42P01', '42883'].includes(state)) throw error;
  }
  throw new ConfigError(`database ${database} has no table message_store.messages: ${install}`);
}

function noRights(database: string, user: string | undefined, what: 'read' | 'append'): ConfigError {
  const grant = what === 'read' ? 'or grant it SELECT on message_store.messages' : 'or add ?readonly=true';
  return new ConfigError(
    `the role ${user ?? 'of this URL'} may not ${what} in database ${database}: use the role message_store, ${grant}`,
  );
}
