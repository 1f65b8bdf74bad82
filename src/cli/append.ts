import type { Readable } from 'node:stream';
import { ConfigError } from '../config-error.ts';
import { ask, parseAnswer } from './ask.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './message-lines.ts';
import { writeText } from './output.ts';
import { messagesText } from './progress.ts';
import { readUpTo } from './read-up-to.ts';
import { CliError, type Terminal } from './terminal.ts';

/** The body is one string, which V8 limits to 2^29 - 24 characters; the rest is for the brackets and commas around the input. */
const maxInputBytes = 536_000_000;

type Appended = {
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly count: number;
};

/** `pokewire append`: stores one message, or all messages of its input atomically. */
export async function appendMessages(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server, words } = invocation;
  const [stream, type, data] = words;
  if (type?.startsWith('{') && data === undefined) {
    throw new ConfigError('TYPE is missing before the data; see "pokewire help append".');
  }
  const body =
    type === undefined ? await bodyOfInput(invocation, terminal) : await bodyOf(invocation, terminal, type, data);
  const expectedVersion = invocation.integer('expected-version', -1);
  const answer = await ask(server, terminal, {
    method: 'POST',
    path: `streams/${encodeURIComponent(stream!)}/messages`,
    query: expectedVersion === undefined ? {} : { expectedVersion: String(expectedVersion) },
    body,
  });
  const appended = parseAnswer<Appended>(
    answer,
    ({ stream, count }) => typeof stream === 'string' && Number.isInteger(count),
  );
  await writeText(terminal.stdout, invocation.isSet('json') ? `${visible(answer.trimEnd())}\n` : sentenceOf(appended));
}

function sentenceOf({ stream, position, globalPosition, count }: Appended): string {
  const where = count === 1 ? 'at' : 'up to';
  return `Appended ${messagesText(count)}, ${where} ${visible(stream)}@${position}, global position ${globalPosition}.\n`;
}

/** The message of the command line. Its JSON is sent as written, with all digits. */
async function bodyOf(invocation: Invocation, terminal: Terminal, type: string, data = '{}'): Promise<string> {
  const text = data === '-' ? await readInput(terminal.stdin) : data;
  const metadata = invocation.text('metadata');
  const id = invocation.text('id');
  checkJson('DATA', text);
  if (metadata !== undefined) checkJson('--metadata', metadata);
  const members = [
    `"type":${JSON.stringify(type)}`,
    `"data":${text}`,
    ...(metadata === undefined ? [] : [`"metadata":${metadata}`]),
    ...(id === undefined ? [] : [`"id":${JSON.stringify(id)}`]),
  ];
  return `{${members.join(',')}}`;
}

/** Joins the lines of the input, one message each, into a JSON array. */
async function bodyOfInput(invocation: Invocation, { stdin }: Terminal): Promise<string> {
  if (
    invocation.text('metadata') !== undefined ||
    invocation.text('id') !== undefined ||
    (stdin as { isTTY?: boolean }).isTTY
  ) {
    throw new ConfigError('TYPE is missing; see "pokewire help append".');
  }
  const lines = (await readInput(stdin)).split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new CliError('The input contains no message.');
  for (const [index, line] of lines.entries()) checkJson(`line ${index + 1} of the input`, line);
  return `[${lines.join(',')}]`;
}

function checkJson(called: string, text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new ConfigError(`${called} is not JSON such as {"amount":100}.`);
  }
}

async function readInput(stdin: Readable): Promise<string> {
  const { text, isWhole } = await readUpTo(maxInputBytes, stdin);
  if (isWhole) return text;
  throw new CliError('The input is too large for one append; use "pokewire import".');
}
