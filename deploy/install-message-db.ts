/**
 * Installs Message DB as its own install.sh does, which needs psql and bash:
 *
 *     PGHOST=… PGUSER=postgres PGPASSWORD=… node deploy/install-message-db.ts DATABASE
 *
 * Creates the database where it is missing, and changes nothing where Message DB is there. The role message_store gets the
 * password of MESSAGE_STORE_PASSWORD, if that is set.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const folder = fileURLToPath(new URL('../node_modules/@eventide/message-db/database/', import.meta.url));
const before = [
  'roles/message-store',
  'schema/message-store',
  'extensions/pgcrypto',
  'tables/messages',
  'types/message',
];

/** Each body of a function names others only when it runs; the indexes need them all. */
function parts(): string[] {
  const filesOf = (name: string) =>
    readdirSync(join(folder, name))
      .toSorted()
      .map((file) => `${name}/${file.replace(/\.sql$/, '')}`);
  return [...before, ...['functions', 'indexes', 'views', 'privileges'].flatMap(filesOf)];
}

/** Runs the scripts of Message DB on a connection to an empty database. */
export async function installMessageDb(client: Pick<pg.Client, 'query'>): Promise<void> {
  for (const part of parts()) await client.query(readFileSync(join(folder, `${part}.sql`), 'utf8'));
}

async function withClient(database: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ database });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

async function main(database: string, password: string | undefined): Promise<void> {
  await withClient('postgres', async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  });
  await withClient(database, async (client) => {
    const { rows } = await client.query("SELECT to_regclass('message_store.messages') IS NOT NULL AS is_installed");
    if (!rows[0].is_installed) await installMessageDb(client);
    if (password !== undefined) {
      await client.query(`ALTER ROLE message_store PASSWORD ${client.escapeLiteral(password)}`);
    }
  });
  console.log(`Message DB is installed in database ${database}.`);
}

if (import.meta.main) await main(process.argv[2] ?? 'message_store', process.env.MESSAGE_STORE_PASSWORD);
