import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Numbers of streams and categories, written round robin; each stream belongs to one category. */
const streams = 25_000;
const categories = 20;

/** With an id of 16 bytes, 204 bytes of payload. */
const type = 'Deposited';
const data = `{"account":"01900000-0000-7000-8000-000000000000","amount":100,"note":"${'x'.repeat(11)}"}`;
const metadata = `{"correlationStreamName":"transfer-01900000-0000-7000-8000-000000000000","causation":"${'x'.repeat(5)}"}`;

/** Bytes that the store counts for such a message. */
const messageBytes = 338;

/** Body of an append with the same message that databases are filled with. */
export const usualMessage = `{"type":"${type}","data":${data},"metadata":${metadata}}`;

/** A folder for databases, deleted with the scenario. */
export class DatabaseFolder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), 'pokewire-load-'));
  #files = 0;

  /** A path for a new database. */
  fresh(): string {
    return join(this.#path, `${this.#files++}.db`);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}

/** Flags of a server that stores its log in this database. */
export function storeFlags(path: string): string[] {
  return ['--store', `sqlite:${path}`];
}

/**
 * Fills the empty log of a database that a server created and closed. Bypasses the server, because 10,000,000 messages
 * would take minutes; indexes are created afterwards, with one sort each.
 */
export function fillDatabase(path: string, messages: number): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144');
  const { number: log } = database.prepare('SELECT number FROM logs').get() as { number: number };
  const indexes = database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'messages' AND sql IS NOT NULL")
    .all() as { name: string; sql: string }[];
  for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);
  const nowMs = Date.now();
  const each = Math.floor(messages / streams);
  database.exec(`
    BEGIN;
    INSERT INTO categories(number, log, name, streams, messages, bytes, forgotten)
      SELECT value, ${log}, 'account' || value, ${streams / categories}, ${(each * streams) / categories},
        ${(each * streams * messageBytes) / categories}, 0
      FROM ${upTo(categories)};
    INSERT INTO streams(number, log, category, name, version, messages, last_ms, forgotten)
      SELECT value, ${log}, 1 + value % ${categories}, 'account' || (1 + value % ${categories}) || '-' || value,
        ${each - 1}, ${each}, ${nowMs}, 0
      FROM ${upTo(streams)};
    INSERT INTO messages(number, log, global, stream, category, position, id, time_ms, time_nanos, type, data, metadata)
      SELECT value, ${log}, value, 1 + value % ${streams}, 1 + (1 + value % ${streams}) % ${categories},
        (value - 1) / ${streams}, unhex(format('%012x7%03x8%015x', ${nowMs} + value / 50, value % 4096, value)),
        ${nowMs}, 0, '${type}', '${data}', '${metadata}'
      FROM ${upTo(each * streams)};
    UPDATE logs SET head = ${each * streams}, messages = ${each * streams}, streams = ${streams}, last_ms = ${nowMs},
      
      bytes = ${each * streams * messageBytes}, message_bytes = ${each * streams * messageBytes};
    ${indexes.map(({ sql }) => sql).join(';')};
    COMMIT;
    PRAGMA journal_mode = WAL;`);
  database.close();
}

/** A table of the numbers from 1, as `value`. */
function upTo(last: number): string {
  return `(WITH RECURSIVE numbers(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM numbers WHERE value < ${last})
    SELECT value FROM numbers)`;
}
