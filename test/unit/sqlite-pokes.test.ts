import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { everything } from '../../src/message/selection.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { LogFinder } from '../../src/store/sqlite/read-log.ts';
import { PokeReader } from '../../src/store/sqlite/read-pokes.ts';
import { migrate } from '../../src/store/sqlite/schema.ts';
import { StreamNames } from '../../src/store/sqlite/stream-names.ts';

const epoch = '1a2ec70b-9e8a-4c0c-a9c6-55a20f1f3a52' as LogId;

/** A log with a message for each of these streams, given by number. */
function databaseWith(streams: readonly number[]): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  migrate(database, 0);
  database.exec(`INSERT INTO logs VALUES (1, '${epoch}', 0, 'default', ${streams.length}, 0, 0, 0, 0, 0, 0, 0, NULL)`);
  const addStream = database.prepare('INSERT OR IGNORE INTO streams VALUES (?, 1, 1, ?, 0, 0, 0, 0)');
  const addMessage = database.prepare("INSERT INTO messages VALUES (?, 1, ?, ?, 1, ?, ?, 0, 0, 'T', '{}', NULL)");
  for (const [at, stream] of streams.entries()) {
    addStream.run(stream, `a-${stream}`);
    addMessage.run(at + 1, at + 1, stream, at, `id-${at}`);
  }
  return database;
}

function namesOf(pokes: PokeReader, after: number, limit: number): string[] {
  const { names, numbers } = pokes.pokes(epoch, everything, after, limit);
  return Array.from({ length: numbers.length / 3 }, (_, at) => names[numbers[at * 3]!]!);
}

test('Streams whose numbers displace each other in the cache keep their names, within a page and across pages.', () => {
  const streams = [1, 65_537, 1, 2, 131_073, 65_537, 2, 1];
  using database = databaseWith(streams);
  const pokes = new PokeReader(database, new LogFinder(database), new StreamNames(database));
  const expected = streams.map((stream) => `a-${stream}`);
  expect(namesOf(pokes, 0, 100)).toEqual(expected);
  expect([...namesOf(pokes, 0, 3), ...namesOf(pokes, 3, 5)]).toEqual(expected);
});

test('A page contains each stream name once.', () => {
  using database = databaseWith([3, 4, 3, 3, 4]);
  const pokes = new PokeReader(database, new LogFinder(database), new StreamNames(database));
  for (let page = 0; page < 2; page++) {
    expect(pokes.pokes(epoch, everything, 0, 100).names).toEqual(['a-3', 'a-4']);
  }
});
