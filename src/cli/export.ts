import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { call } from './call.ts';
import { messagesText, Progress } from './progress.ts';
import { CliError, type Terminal, type Transfer } from './transfer.ts';

const lineFeed = 0x0a;

/** `pokewire export`: passes the answer of `GET /export` on, at the pace of whoever takes it. */
export async function exportLog(transfer: Transfer, terminal: Terminal): Promise<void> {
  const { category, file } = transfer;
  const { request, response } = call(transfer, 'GET', 'export', category === undefined ? {} : { category });
  request.end();
  const answer = await response;
  const progress = new Progress(terminal, 'exported');
  const messages = new Messages(progress);
  try {
    if (file === undefined) await copy(answer, messages, terminal.stdout, false);
    else await writeFile(file, (target) => copy(answer, messages, target, true));
  } catch (error) {
    progress.end();
    throw new CliError(describe(error as NodeJS.ErrnoException, transfer));
  }
  progress.end(`Exported ${messagesText(messages.count)}.\n`);
}

function describe({ code, message }: NodeJS.ErrnoException, { url, file }: Transfer): string {
  // Whoever takes the output wants no more of it, as `head` does.
  if (code === 'EPIPE') return '';
  if (code === 'ECONNRESET') return `The connection to ${url.origin} ended before the export was whole.`;
  return `Cannot write ${file ?? 'the output'}: ${message}`;
}

/** Counts lines. */
class Messages {
  count = 0;
  readonly #progress: Progress;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  async *pass(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      for (let at = piece.indexOf(lineFeed); at !== -1; at = piece.indexOf(lineFeed, at + 1)) this.count++;
      this.#progress.tell(this.count);
      yield piece;
    }
  }
}

function copy(answer: IncomingMessage, messages: Messages, target: Writable, end: boolean): Promise<void> {
  return pipeline(answer, (pieces: AsyncIterable<Buffer>) => messages.pass(pieces), target, { end });
}

/** Gives the file its name when it is whole, so that an export that fails leaves the one before. */
async function writeFile(file: string, write: (target: Writable) => Promise<void>): Promise<void> {
  const isDevice = await stat(file).then(
    (found) => !found.isFile(),
    () => false,
  );
  if (isDevice) return write(createWriteStream(file));
  const part = `${file}.part`;
  try {
    await write(createWriteStream(part));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
