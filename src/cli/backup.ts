import { existsSync, realpathSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { call } from './call.ts';
import type { Invocation } from './invocation.ts';
import { describeOutputError, writeOutput } from './output.ts';
import { bytesText, Progress } from './progress.ts';
import { CliError, type Terminal } from './terminal.ts';

/** `pokewire backup`: writes the answer of `POST /backup` to a file, which is replaced once the copy is complete. */
export async function backUp({ server, words }: Invocation, terminal: Terminal): Promise<void> {
  const { url } = server;
  const file = words[0]!;
  // A running store would keep writing to the replaced file, which no longer has a name.
  const lock = `${existsSync(file) ? realpathSync(file) : file}-lock`;
  if (existsSync(lock)) {
    throw new CliError(`${file} belongs to a store, because ${lock} exists. Choose another file.`);
  }
  const { request, response } = call(server, terminal, { method: 'POST', path: 'backup' });
  request.end();
  const answer = await response;
  const brokenOff = `The connection to ${url.origin} ended before the backup was complete.`;
  const progress = new Progress(terminal, 'copied', bytesText);
  let bytes = 0;
  const count = async function* (pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      bytes += piece.length;
      progress.tell(bytes);
      yield piece;
    }
    // A proxy can turn a broken connection into an orderly end.
    if (bytes !== lengthOf(answer)) throw new CliError(brokenOff);
  };
  try {
    await writeOutput(file, terminal, (target, end) => pipeline(answer, count, target, { end }));
  } catch (error) {
    progress.end();
    if (error instanceof CliError) throw error;
    throw new CliError(describeOutputError(error as NodeJS.ErrnoException, file, brokenOff));
  } finally {
    // An unread body would keep the process alive.
    answer.destroy();
  }
  progress.end(`Copied ${bytesText(bytes)}.\n`);
}

function lengthOf({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? Number.NaN);
}
