import type { DatabaseSync } from 'node:sqlite';

/** Tells a database of Pokewire from any other: "Poke". */
export const applicationId = 0x506f6b65;

/** States of a row of `logs`. A dead one is swept bit by bit. */
export const logState = { live: 0, staged: 1, dead: 2 } as const;

/**
 * Each step leads from the version of its index to the next one. A step that was released is never changed.
 *
 * Positions are those of the interface. `logs.behind` is the last one of earlier logs of the namespace, `forgotten` that of
 * the last message that was forgotten of a log, a category, a stream. `messages.id` is a blob of 16 bytes for a UUID, else text. Indexes cover pokes, so
 * that a catch-up reads no row: of everything, of a category, of a stream. Numbers of logs, categories and streams are never
 * given again (AUTOINCREMENT), because both threads keep what belongs to them.
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

/** The version of this program's schema. */
export const schemaVersion = steps.length;

/** Brings a database of this or an older version to the newest, in one step; all or nothing. */
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
