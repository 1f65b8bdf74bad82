import type { MessagePort } from 'node:worker_threads';
import { type Answer, type Call, endCall } from './calls.ts';
import { openForReading } from './open-database.ts';
import { Reader } from './reader.ts';

/** What the reader is started with. */
export type ReaderOptions = { readonly path: string };

/** Answers of one batch of calls are held back so long at most, milliseconds. */
const maxHeldMs = 1;

/** Answers reads until it is asked to end. */
export function serveReader(port: MessagePort, { path }: ReaderOptions): void {
  const database = openForReading(path);
  const reader = new Reader(database);
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
