import type { Client } from 'pg';
import { ConfigError } from '../../config-error.ts';
import { PokewireError } from '../../errors.ts';
import { clientsOf, endClient, loadPg } from './connection.ts';
import { isConnectionFault, sqlStateOf, textOfFault } from './database-errors.ts';
import { createGroupsSql, grantGroupsSql } from './postgres-groups.ts';
import { parsePostgresUrl } from './postgres-url.ts';
import type { Query } from './read-pokes.ts';

/** Version of the schema `pokewire`, which holds what Message DB has no table for. */
const schemaVersion = 1;

/** Whether this role can use the schema; `denied`: the schema exists, but the role has no rights. */
export type OwnSchema = 'usable' | 'absent' | 'denied';

/** Serializes concurrent runs, in which `IF NOT EXISTS` alone may fail. */
const lockSql = "SELECT pg_advisory_xact_lock(hashtext('pokewire store init'))";

const createSql = [
  'CREATE SCHEMA IF NOT EXISTS pokewire',
  'CREATE TABLE IF NOT EXISTS pokewire.meta (key text PRIMARY KEY, value bigint NOT NULL)',
  `INSERT INTO pokewire.meta (key, value) VALUES ('version', ${schemaVersion}) ON CONFLICT DO NOTHING`,
  // The revision rises with each change, so other nodes notice it.
  `CREATE TABLE IF NOT EXISTS pokewire.namespaces
     (id text PRIMARY KEY, revision bigint NOT NULL, tokens jsonb NOT NULL)`,
  "INSERT INTO pokewire.namespaces (id, revision, tokens) VALUES ('default', 0, '[]') ON CONFLICT DO NOTHING",
  // Unlogged: tickets live for half a minute, so losing them in a crash costs less than logging each one.
  `CREATE UNLOGGED TABLE IF NOT EXISTS pokewire.tickets
     (hash text PRIMARY KEY, token_id text, selection text NOT NULL, expires_at timestamptz NOT NULL)`,
  'CREATE INDEX IF NOT EXISTS tickets_expires_at ON pokewire.tickets (expires_at)',
  'CREATE TABLE IF NOT EXISTS pokewire.epochs (of_database text PRIMARY KEY, epoch text NOT NULL)',
  ...createGroupsSql,
];

/** The database that was initialized, and whether the schema existed before. */
type Initialized = { readonly database: string; readonly wasThere: boolean };

/**
 * Creates the schema `pokewire` if it is missing, and grants it to the serving role. Can be repeated, also for another
 * role. Throws {@link ConfigError} for a malformed URL, and {@link PokewireError} if the database refuses.
 */
export async function initSchema(text: string, role: string): Promise<Initialized> {
  const url = parsePostgresUrl(text);
  const open = clientsOf(await loadPg(), url);
  const client = await open().catch((error: unknown) => {
    throw new PokewireError('NOT_READY', `PostgreSQL at ${url.place} cannot be used: ${textOfFault(error)}`);
  });
  try {
    await client.query('BEGIN');
    await client.query(lockSql);
    const version = await versionOf(client);
    refuseNewer(version);
    for (const statement of createSql) await client.query(statement);
    const grantee = client.escapeIdentifier(role);
    await client.query(`GRANT USAGE ON SCHEMA pokewire TO ${grantee}`);
    await client.query(`GRANT SELECT ON pokewire.meta TO ${grantee}`);
    await client.query(`GRANT SELECT, UPDATE ON pokewire.namespaces TO ${grantee}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON pokewire.tickets TO ${grantee}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE ON pokewire.epochs TO ${grantee}`);
    for (const statement of grantGroupsSql(grantee)) await client.query(statement);
    await client.query('COMMIT');
    return { database: url.database, wasThere: version !== undefined };
  } catch (error) {
    throw refusalOf(error, url.database, role);
  } finally {
    await endClient(client);
  }
}

/** Whether the schema exists and this role may use it. Throws {@link ConfigError} for a schema of a newer version. */
export async function inspectSchema(query: Query): Promise<OwnSchema> {
  // Read from the catalog, because naming a table in a schema without rights is an error.
  const { rows } = await query<readonly [boolean]>(
    `SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(m.oid, 'SELECT')
       AND has_table_privilege(t.oid, 'SELECT') AND has_table_privilege(t.oid, 'UPDATE')
       AND has_table_privilege(k.oid, 'SELECT') AND has_table_privilege(k.oid, 'INSERT')
       AND has_table_privilege(k.oid, 'UPDATE') AND has_table_privilege(k.oid, 'DELETE')
     FROM pg_namespace n
     JOIN pg_class m ON m.relnamespace = n.oid AND m.relname = 'meta'
     JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = 'namespaces'
     JOIN pg_class k ON k.relnamespace = n.oid AND k.relname = 'tickets'
     WHERE n.nspname = 'pokewire'`,
  );
  if (rows[0] === undefined) return 'absent';
  if (!rows[0][0]) return 'denied';
  const found = await query<readonly [number]>("SELECT value FROM pokewire.meta WHERE key = 'version'");
  refuseNewer(found.rows[0]?.[0]);
  return 'usable';
}

/** Undefined if the schema does not exist yet. Throws if there is no Message DB. */
async function versionOf(client: Client): Promise<number | undefined> {
  const there = async (name: string): Promise<boolean> => {
    const { rows } = await client.query<{ name: string | null }>('SELECT to_regclass($1) AS name', [name]);
    return rows[0]!.name !== null;
  };
  if (!(await there('message_store.messages'))) {
    throw new ConfigError(
      'the database has no table message_store.messages: install Message DB 1.3 first, see docs/stores.md',
    );
  }
  if (!(await there('pokewire.meta'))) return undefined;
  const { rows } = await client.query<{ value: number }>("SELECT value FROM pokewire.meta WHERE key = 'version'");
  return rows[0]?.value;
}

function refuseNewer(version: number | undefined): void {
  if (version === undefined || version <= schemaVersion) return;
  throw new ConfigError(
    `the schema pokewire has version ${version}, and this Pokewire supports ${schemaVersion}: use a newer Pokewire`,
  );
}

/** The same command line can succeed on another database, so a refusal by this one is not a {@link ConfigError}. */
function refusalOf(error: unknown, database: string, role: string): unknown {
  if (error instanceof ConfigError) return new PokewireError('NOT_SUPPORTED', error.message);
  const state = sqlStateOf(error);
  if (state === '42501') {
    return new PokewireError(
      'AUTH_UNAUTHORIZED',
      `the role of this URL may not create the schema: use that of the owner of ${database}`,
    );
  }
  if (state === '42704') {
    return new PokewireError('NOT_SUPPORTED', `there is no role ${role}: name the role of the nodes with --role`);
  }
  if (!isConnectionFault(error)) return error;
  return new PokewireError('NOT_READY', `PostgreSQL failed, and nothing was changed: ${textOfFault(error)}`);
}
