import {
  type GroupChange,
  type GroupChanges,
  type GroupRecord,
  type GroupStore,
  maxGroupRecords,
} from '../group-store.ts';
import { Followers } from '../shared/followers.ts';
import type { Query } from './read-pokes.ts';
import { SharedWrites } from './shared-writes.ts';

/** Channel for notifications of changes. Separate from pokes, whose channel the URL names. */
export const groupsChannel = 'pokewire_groups';

/** Number of changes remembered. For an older revision, everything may have changed. */
const maxChanges = 1_024;

/** Sorts after every continuation of a prefix. */
const last = '\u{10ffff}';

/** Statements run by `pokewire store init`. */
export const createGroupsSql = [
  `CREATE TABLE IF NOT EXISTS pokewire.group_records
     (key text COLLATE "C" PRIMARY KEY, revision bigint NOT NULL, text text NOT NULL)`,
  'CREATE SEQUENCE IF NOT EXISTS pokewire.group_revisions',
  'CREATE TABLE IF NOT EXISTS pokewire.group_changes (revision bigint PRIMARY KEY, key text NOT NULL)',
  // A single row whose lock serializes changes in commit order.
  'CREATE TABLE IF NOT EXISTS pokewire.group_turn (is_one boolean PRIMARY KEY CHECK (is_one), revision bigint NOT NULL)',
  'INSERT INTO pokewire.group_turn VALUES (true, 0) ON CONFLICT DO NOTHING',
];

/** Grants the rights that {@link PostgresGroups} needs to a role, whose name is already quoted. */
export const grantGroupsSql = (role: string): readonly string[] => [
  `GRANT SELECT, INSERT, UPDATE, DELETE ON pokewire.group_records, pokewire.group_changes TO ${role}`,
  `GRANT SELECT, UPDATE ON pokewire.group_turn TO ${role}`,
  `GRANT USAGE ON SEQUENCE pokewire.group_revisions TO ${role}`,
];

/**
 * Locks rows in key order, so that two batches cannot deadlock. A row that changed while waiting for its lock is
 * evaluated again, so of two changes with the same revision one loses.
 */
const writeSql = `
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::boolean[]) AS g(key, revision, text, is_quiet)
), locked AS MATERIALIZED (
  SELECT key FROM pokewire.group_records WHERE key = ANY($1) ORDER BY key FOR UPDATE
), replaced AS (
  UPDATE pokewire.group_records r SET revision = nextval('pokewire.group_revisions'), text = g.text
  FROM given g JOIN locked l ON l.key = g.key COLLATE "C"
  WHERE r.key = l.key AND r.revision = g.revision AND g.text IS NOT NULL RETURNING r.key, r.revision
), removed AS (
  DELETE FROM pokewire.group_records r USING given g JOIN locked l ON l.key = g.key COLLATE "C"
  WHERE r.key = l.key AND r.revision = g.revision AND g.text IS NULL RETURNING r.key, nextval('pokewire.group_revisions') AS revision
), made AS (
  INSERT INTO pokewire.group_records AS r (key, revision, text)
  SELECT key, nextval('pokewire.group_revisions'), text FROM given WHERE revision = 0 AND text IS NOT NULL ORDER BY key
  ON CONFLICT DO NOTHING RETURNING r.key, r.revision
), held AS (
  SELECT * FROM replaced UNION ALL SELECT * FROM removed UNION ALL SELECT * FROM made
), heard AS (
  SELECT h.key FROM held h JOIN given g ON g.key COLLATE "C" = h.key WHERE NOT g.is_quiet
), turn AS (
  UPDATE pokewire.group_turn SET revision = revision + (SELECT count(*) FROM heard)
  WHERE EXISTS (SELECT 1 FROM heard) RETURNING revision
), told AS (
  INSERT INTO pokewire.group_changes (revision, key)
  SELECT turn.revision + 1 - row_number() OVER (), heard.key FROM heard, turn
), forgotten AS (
  DELETE FROM pokewire.group_changes c USING turn WHERE c.revision <= turn.revision - ${maxChanges}
)
SELECT key, revision, (SELECT pg_notify('${groupsChannel}', '') FROM turn) IS NOT NULL FROM held`;

const readSql = 'SELECT key, revision, text FROM pokewire.group_records';

/**
 * The revision, each key written since an earlier revision, and the records between two keys with their texts; null:
 * none.
 */
const changesSql = `
SELECT c.key, t.revision, NULL FROM pokewire.group_turn t LEFT JOIN pokewire.group_changes c ON c.revision > $1
UNION ALL (${readSql} WHERE key >= $2 AND key < $3 LIMIT ${maxGroupRecords})`;

/** Records of consumer groups in the schema `pokewire`, for all nodes. */
export class PostgresGroups implements GroupStore {
  readonly sharedBy = 'nodes';
  readonly #query: Query;
  readonly #followers = new Followers();
  readonly #shared = new SharedWrites((changes) => this.#write(changes));

  constructor(query: Query) {
    this.#query = query;
  }

  async read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    const { rows } = await this.#query<Row>(`${readSql} WHERE key = ANY($1)`, [keys]);
    const found = new Map(rows.map((row) => [row[0], recordOf(row)]));
    return keys.map((key) => found.get(key));
  }

  write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    // Quiet changes are acknowledgements, many per second. Others are rare, and lock the row that orders them.
    return changes.every(({ isQuiet }) => isQuiet) ? this.#shared.add(changes) : this.#write(changes);
  }

  async #write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    const { rows } = await this.#query<readonly [key: string, revision: number, isHeard: boolean]>(writeSql, [
      changes.map(({ key }) => key),
      changes.map(({ revision }) => revision),
      changes.map(({ text }) => text ?? null),
      changes.map(({ isQuiet }) => isQuiet),
    ]);
    const held = new Map(rows.map(([key, revision]) => [key, revision]));
    if (rows.some(([, , isHeard]) => isHeard)) this.hint();
    return changes.map(({ key }) => held.get(key));
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]> {
    const { rows } = await this.#query<Row>(
      `${readSql} WHERE key >= $1 AND key > $2 AND key < $3 ORDER BY key LIMIT $4`,
      [prefix, after ?? '', prefix + last, Math.min(limit, maxGroupRecords)],
    );
    return rows.map(recordOf);
  }

  async changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges> {
    const { rows } = await this.#query<ChangeRow | Row>(changesSql, [
      revision ?? Number.MAX_SAFE_INTEGER,
      prefix ?? null,
      prefix === undefined ? null : prefix + last,
    ]);
    const changes = rows.filter((row) => row[2] === null);
    const records = rows.filter((row) => row[2] !== null).map(recordOf);
    const now = changes[0]![1];
    const count = now - (revision ?? now);
    if (count < 0 || count > maxChanges) return { revision: now, keys: 'all', records };
    return { revision: now, keys: [...new Set(changes.flatMap(([key]) => key ?? []))], records };
  }

  follow(changed: () => void): () => void {
    return this.#followers.follow(changed);
  }

  /** A notification about changes arrived. */
  hint(): void {
    this.#followers.notify();
  }

  stop(): void {
    this.#followers.clear();
  }
}

/** Whether the schema `pokewire`, usable by this role, has the table; a schema from an older version does not. */
export async function keepsGroups(query: Query): Promise<boolean> {
  const { rows } = await query<readonly [boolean]>(
    `SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
       AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pokewire'
     WHERE c.relname = 'group_records'`,
  );
  return rows[0]?.[0] ?? false;
}

type Row = readonly [key: string, revision: number, text: string];

type ChangeRow = readonly [key: string | null, revision: number, text: null];

function recordOf([key, revision, text]: Row): GroupRecord {
  return { key, revision, text };
}
