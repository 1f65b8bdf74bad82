import type { DatabaseSync } from 'node:sqlite';

/** Distinguishes Pokewire's databases from others: "Poke". */
export const applicationId = 0x506f6b65;

/** States of a row of `logs`. Dead logs are removed in small steps. */
export const logState = { live: 0, staged: 1, dead: 2 } as const;

/**
 * Migrations: each step leads from the version of its index to the next. A released step never changes.
 * Positions are those of the `Log` interface. `logs.behind` is the last position of the namespace's earlier logs;
 * `forgotten` is the last position deleted by retention, per log, category and stream. `messages.id` is a blob of 16
 * bytes for a UUID, otherwise text. Covering indexes (everything, category, stream) serve pokes, so that catch-up reads
 * no table rows. Numbers of logs, categories and streams are never reused (AUTOINCREMENT), because both threads cache
 * by number.
 */
const steps: readonly string[] = [
  `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE logs(number INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,
    namespace TEXT NOT NULL, head INTEGER NOT NULL, behind INTEGER NOT NULL, forgotten INTEGER NOT NULL,
    imports_below INTEGER NOT NULL, messages INTEGER NOT NULL, streams INTEGER NOT NULL, bytes INTEGER NOT NULL,
    message_bytes INTEGER NOT NULL, last_ms INTEGER) STRICT;
  CREATE INDEX dead_logs ON logs(number) WHERE state = 2;
  CREATE TABLE categories(number INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, name TEXT NOT NULL,
    streams INTEGER NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL, forgotten INTEGER NOT NULL,
    UNIQUE(log, name)) STRICT;
  CREATE TABLE streams(number INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, category INTEGER NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, messages INTEGER NOT NULL, last_ms INTEGER NOT NULL, forgotten INTEGER NOT NULL,
    UNIQUE(log, name)) STRICT;
  CREATE TABLE messages(number INTEGER PRIMARY KEY, log INTEGER NOT NULL, global INTEGER NOT NULL,
    stream INTEGER NOT NULL, category INTEGER NOT NULL, position INTEGER NOT NULL, id ANY NOT NULL,
    time_ms INTEGER NOT NULL, time_nanos INTEGER NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT) STRICT;
  CREATE UNIQUE INDEX by_global ON messages(log, global, stream, position);
  CREATE INDEX by_category ON messages(category, global, stream, position);
  CREATE UNIQUE INDEX by_stream ON messages(stream, position, global);
  CREATE UNIQUE INDEX by_id ON messages(log, id);
  CREATE TABLE namespaces(id TEXT PRIMARY KEY, uid TEXT NOT NULL, log INTEGER NOT NULL, description TEXT NOT NULL,
    created_ms INTEGER NOT NULL, tokens TEXT NOT NULL, retention TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE former_heads(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, head INTEGER NOT NULL) STRICT;
  `,
  `
  CREATE TABLE group_records(key TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
  `,
];

/** Schema version of this program. */
export const schemaVersion = steps.length;

/** Migrates a database of this or an older version to the newest, in one transaction. */
export function migrate(database: DatabaseSync, version: number): void {
  if (version === schemaVersion) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
