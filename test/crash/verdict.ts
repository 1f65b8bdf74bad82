import { DatabaseSync } from 'node:sqlite';
import { selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { LogBook } from './log-book.ts';
import type { CrashSubscriber } from './subscriber.ts';

type Stored = { readonly stream: string; readonly position: number; readonly global: number; readonly mark: string };

/** The file's messages, read without the server. */
export function readLog(path: string): Stored[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare(
      `SELECT s.name AS stream, m.position, m.global, m.data ->> 'mark' AS mark
       FROM messages m JOIN streams s ON s.number = m.stream JOIN logs l ON l.number = m.log
       WHERE l.namespace = 'default' AND l.state = 0 ORDER BY m.global`,
    )
    .all();
  return rows as unknown as Stored[];
}

/** Compares the file with the answers to writers, and checks its consistency. */
export function judgeFile(path: string, book: LogBook): void {
  const log = readLog(path);
  const marks = new Set<string>();
  const next = new Map<string, number>();
  for (const [index, { stream, position, global, mark }] of log.entries()) {
    if (global !== index + 1) book.fail(`the log has ${global} where ${index + 1} is due`);
    const due = next.get(stream) ?? 0;
    if (position !== due) book.fail(`${stream} has ${position} where ${due} is due`);
    next.set(stream, position + 1);
    if (marks.has(mark)) book.fail(`${mark} is stored twice`);
    if (!book.sent.has(mark)) book.fail(`${mark} is stored, and nobody sent it`);
    marks.add(mark);
  }
  for (const { globalPosition, stream, position, mark } of book.acknowledged.values()) {
    const stored = log[globalPosition - 1];
    const isSame = stored?.mark === mark && stored.stream === stream && stored.position === position;
    if (!isSame) book.fail(`${mark} was acknowledged at ${globalPosition}, where the log has ${stored?.mark}`);
  }
  judgeCounters(path, book);
}

/** Compares the pokes of a subscriber, over all its connections, with the log. */
export function judgeSubscriber(subscriber: CrashSubscriber, log: readonly Stored[], book: LogBook): void {
  const { name, selection, places, globalPositions } = subscriber;
  const due = log.filter(({ stream, position }) => selects(selection, new StreamName(stream), position));
  for (const [index, { stream, position, global }] of due.entries()) {
    if (places[index] === `${stream}/${position}` && globalPositions[index] === global) continue;
    book.fail(
      `${name} was told ${places[index]}@${globalPositions[index]} where ${stream}/${position}@${global} is due`,
    );
    return;
  }
  if (places.length > due.length) book.fail(`${name} was told ${places.length} pokes where the log has ${due.length}`);
}

function judgeCounters(path: string, book: LogBook): void {
  using database = new DatabaseSync(path, { readOnly: true });
  const [check] = database.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[];
  if (check?.integrity_check !== 'ok') book.fail(`integrity_check: ${check?.integrity_check}`);
  const wrong = database
    .prepare(
      `SELECT 'log' AS what, number FROM logs l WHERE state = 0 AND (
         messages <> (SELECT count(*) FROM messages m WHERE m.log = l.number)
         OR streams <> (SELECT count(*) FROM streams s WHERE s.log = l.number)
         OR head <> (SELECT coalesce(max(global), 0) FROM messages m WHERE m.log = l.number))
       UNION ALL SELECT 'stream', number FROM streams s
         WHERE messages <> (SELECT count(*) FROM messages m WHERE m.stream = s.number)
       UNION ALL SELECT 'category', number FROM categories c
         WHERE messages <> (SELECT count(*) FROM messages m WHERE m.category = c.number)`,
    )
    .all();
  for (const { what, number } of wrong) book.fail(`the counters of ${what} ${number} are wrong`);
}
