import type { DatabaseSync } from 'node:sqlite';
import type { MessagePort } from 'node:worker_threads';
import { type Answer, type Call, endCall } from './calls.ts';
import { openForReading, refusalOf } from './open-database.ts';
import { Reader } from './reader.ts';

/** Options for the reader thread. */
export type ReaderOptions = { readonly path: string };

/** First message of the reader thread: why it cannot start, or an empty object. */
export type ReaderOpened = { readonly refusal: string } | Record<never, never>;

/** Longest time to hold back answers of a batch of calls. */
const maxHeldMs = 1;

/** Opens the database, reports the result, and answers reads until told to exit. */
export function serveReader(port: MessagePort, { path }: ReaderOptions): void {
  let opened: { database: DatabaseSync; reader: Reader };
  try {
    opened = open(path);
  } catch (error) {
    port.postMessage({ refusal: refusalOf(path, error).message } satisfies ReaderOpened);
    port.close();
    return;
  }
  port.postMessage({} satisfies ReaderOpened);
  serve(port, opened);
}

function open(path: string) {
  const database = openForReading(path);
  try {
    return { database, reader: new Reader(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function serve(port: MessagePort, { database, reader }: { database: DatabaseSync; reader: Reader }): void {
  port.on('message', (calls: Call[] | typeof endCall) => {
    if (calls === endCall) {
      database.close();
      port.close();
      return;
    }
    let answers: Answer[] = [];
    let sinceMs = performance.now();
    for (const call of calls) {
      answers.push(reader.run(call));
      const nowMs = performance.now();
      if (nowMs - sinceMs < maxHeldMs) continue;
      port.postMessage({ answers });
      answers = [];
      sinceMs = nowMs;
    }
    if (answers.length > 0) port.postMessage({ answers });
  });
}
