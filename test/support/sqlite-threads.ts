import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { type BackupOptions, serveBackup } from '../../src/store/sqlite/backup-service.ts';
import { type ReaderOptions, serveReader } from '../../src/store/sqlite/reader-service.ts';
import type { StartThread, Thread } from '../../src/store/sqlite/store-thread.ts';
import { serveWriter, type WriterOptions } from '../../src/store/sqlite/writer-service.ts';

/** Runs the threads of the SQLite store in this thread, with the same messages, because a worker takes longer to start than most tests. */
export const serveHere: StartThread = (name, options) => {
  const { port1, port2 } = new MessageChannel();
  const thread = Object.assign(new EventEmitter(), {
    postMessage: (message: unknown) => port1.postMessage(message),
    terminate: () => port2.close(),
  }) satisfies Thread;
  port1.on('message', (message) => thread.emit('message', message));
  port1.on('close', () => thread.emit('exit'));
  if (name === 'writer') serveWriter(port2, options as WriterOptions);
  else if (name === 'reader') serveReader(port2, options as ReaderOptions);
  else serveBackup(port2, options as BackupOptions);
  return thread;
};
