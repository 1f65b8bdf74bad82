import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { LineSplitter } from '../message/line-splitter.ts';
import { call } from './call.ts';
import type { Invocation } from './invocation.ts';
import { printable } from './printable.ts';
import { messagesText, Progress } from './progress.ts';
import { CliError, type Terminal } from './terminal.ts';

/** `pokewire import`: streams its input to `POST /import` and reports the progress events of the answer. */
export async function importLog(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server } = invocation;
  const file = invocation.text('file');
  const [force, allowIncomplete] = [invocation.isSet('force'), invocation.isSet('allow-incomplete')];
  const query = { ...(force && { force: 'true' }), ...(allowIncomplete && { allowIncomplete: 'true' }) };
  const { request, response } = call(server, terminal, {
    method: 'POST',
    path: 'import',
    query,
    bodyType: 'application/x-ndjson',
  });
  const input = file === undefined ? terminal.stdin : createReadStream(file);
  let inputError: Error | undefined;
  input.on('error', (error) => {
    inputError = error;
    request.destroy();
  });
  // Not `pipeline`: it would destroy the input with the request's error, which would then look like an error of the input.
  input.pipe(request);
  const progress = new Progress(terminal, 'imported');
  try {
    const { imported, known = 0, complete, elapsed } = await follow(await response, progress, server.url, force);
    const passedOver = known === 0 ? '' : `; ${known.toLocaleString('en')} more were already stored`;
    terminal.stdout.write(`Imported ${messagesText(imported)} in ${elapsed}${passedOver}.\n`);
    if (complete === false && !allowIncomplete) {
      terminal.stderr.write('pokewire: The input lacks the end record of an export, so it may be incomplete.\n');
    }
  } catch (error) {
    progress.end();
    throw inputError === undefined ? error : new CliError(`Cannot read ${file ?? 'the input'}: ${inputError.message}`);
  } finally {
    request.destroy();
    input.destroy();
  }
}

/** The longest event quotes a name in a sentence. */
const maxEventBytes = 65_536;

/** EventoDB sends neither `known` nor `complete`. */
type ImportEvent =
  | { readonly imported: number; readonly known?: number; readonly gpos: number }
  | {
      readonly done: true;
      readonly imported: number;
      readonly known?: number;
      readonly complete?: boolean;
      readonly elapsed: string;
    }
  | { readonly error: string; readonly message: string; readonly line?: number };

/** Reads events until the final one. Throws {@link CliError} if it reports an error or never arrives. */
async function follow(answer: IncomingMessage, progress: Progress, url: URL, force: boolean) {
  let stored = 0;
  for await (const event of eventsOf(answer)) {
    if ('error' in event) throw new CliError(describe(event) + (force ? '\nNothing was replaced.' : before(stored)));
    if ('done' in event) {
      progress.end();
      return event;
    }
    stored = event.imported + (event.known ?? 0);
    progress.tell(stored);
  }
  throw new CliError(
    `The connection to ${url.origin} ended before the import was complete.${force ? '' : before(stored)}`,
  );
}

async function* eventsOf(answer: IncomingMessage): AsyncGenerator<ImportEvent> {
  const splitter = new LineSplitter(maxEventBytes);
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      for (const line of splitter.push(piece)) {
        if (line.length > 0) yield JSON.parse(line.toString().replace(/^data: /, ''), printable) as ImportEvent;
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
}

function describe({ error, message, line }: Extract<ImportEvent, { error: string }>): string {
  return `${line === undefined ? '' : `line ${line}: `}${message} (${error})`;
}

function before(stored: number): string {
  if (stored === 0) return '';
  return `\nThe first ${messagesText(stored)} are stored. Repeat the import to continue: it skips what is already stored.`;
}
