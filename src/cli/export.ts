import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { emptyExport, exportEnd, exportEndBytes } from '../message/import-record.ts';
import { call } from './call.ts';
import type { Invocation } from './invocation.ts';
import { describeOutputError, writeOutput } from './output.ts';
import { messagesText, Progress } from './progress.ts';
import { CliError, type Terminal } from './terminal.ts';

const lineFeed = 0x0a;

/** `pokewire export`: streams the answer of `GET /export` to the output, with backpressure. */
export async function exportLog(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server } = invocation;
  const [category, file] = [invocation.text('category'), invocation.text('file')];
  const { request, response } = call(server, terminal, {
    method: 'GET',
    path: 'export',
    query: category === undefined ? {} : { category },
  });
  request.end();
  const answer = await response;
  const progress = new Progress(terminal, 'exported');
  const messages = new Messages(progress, server.url);
  try {
    await writeOutput(file, terminal, (target, end) => copy(answer, messages, target, end));
  } catch (error) {
    progress.end();
    if (error instanceof CliError) throw error;
    throw new CliError(describeOutputError(error as NodeJS.ErrnoException, file, brokenOff(server.url)));
  } finally {
    // An unread body would keep the process alive.
    answer.destroy();
  }
  progress.end(`Exported ${messagesText(messages.count)}.\n`);
}

function brokenOff(url: URL): string {
  return `The connection to ${url.origin} ended before the export was complete.`;
}

/** Counts lines and checks that the export ends with its end record. */
class Messages {
  #lines = 0;
  #tail = Buffer.alloc(0);
  readonly #progress: Progress;
  readonly #url: URL;

  constructor(progress: Progress, url: URL) {
    this.#progress = progress;
    this.#url = url;
  }

  get count(): number {
    return this.#isEmpty ? 0 : this.#lines;
  }

  async *pass(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      for (let at = piece.indexOf(lineFeed); at !== -1; at = piece.indexOf(lineFeed, at + 1)) this.#lines++;
      this.#tail = Buffer.concat([this.#tail, piece.subarray(-exportEndBytes)]).subarray(-exportEndBytes);
      this.#progress.tell(this.#lines);
      yield piece;
    }
    if (!this.#isWhole) throw new CliError(brokenOff(this.#url));
  }

  /** A proxy can turn a broken connection into an orderly end, so only the end record proves that the export is complete. */
  get #isWhole(): boolean {
    return this.#isEmpty || Number(exportEnd.exec(this.#tail.toString('latin1'))?.[1]) === this.#lines;
  }

  get #isEmpty(): boolean {
    return this.#lines === 1 && this.#tail.toString('latin1') === emptyExport;
  }
}

function copy(answer: IncomingMessage, messages: Messages, target: Writable, end: boolean): Promise<void> {
  return pipeline(answer, (pieces: AsyncIterable<Buffer>) => messages.pass(pieces), target, { end });
}
