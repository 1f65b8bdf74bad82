import { type CallOptions, call } from './call.ts';
import type { ServerAddress } from './invocation.ts';
import { readUpTo } from './read-up-to.ts';
import { CliError, type Terminal } from './terminal.ts';

type AskOptions = CallOptions & { readonly body?: string };

/** No command expects an answer this large. Fits into one string, which V8 limits to 2^29 - 24 characters. */
const maxAnswerBytes = 536_000_000;

/** Sends a request, with a JSON body if there is one, and resolves to the text of the answer. */
export async function ask(
  server: ServerAddress,
  terminal: Terminal,
  { body, ...options }: AskOptions,
): Promise<string> {
  const bodyType = body === undefined ? undefined : 'application/json';
  const { request, response } = call(server, terminal, { ...options, bodyType });
  request.end(body);
  const answer = await response;
  try {
    const { text, isWhole } = await readUpTo(maxAnswerBytes, answer);
    if (isWhole) return text;
  } catch (error) {
    if (terminal.interrupted.aborted) throw error;
    throw new CliError(`The connection to ${server.url.origin} ended before the answer was complete.`);
  }
  throw new CliError(`The answer of ${server.url.origin} is too long.`);
}

/** Whether an answer has the fields that a command reads. */
type Check<T> = (answer: Partial<T>) => boolean;

/** Sends a request and resolves to its answer, read as JSON. */
export async function askJson<T>(
  server: ServerAddress,
  terminal: Terminal,
  options: AskOptions,
  isExpected: Check<T>,
): Promise<T> {
  return parseAnswer<T>(await ask(server, terminal, options), isExpected);
}

/** Calls a method of `/rpc`. */
export function askRpc<T>(
  server: ServerAddress,
  terminal: Terminal,
  call: readonly unknown[],
  isExpected: Check<T>,
): Promise<T> {
  return askJson<T>(server, terminal, { method: 'POST', path: 'rpc', body: JSON.stringify(call) }, isExpected);
}

/** Reads an answer as JSON. Throws {@link CliError} if it cannot come from Pokewire. */
export function parseAnswer<T>(text: string, isExpected: Check<T>): T {
  let answer: T | null;
  try {
    answer = JSON.parse(text) as T | null;
  } catch {
    throw new CliError('The server did not answer with JSON. It may not be Pokewire.');
  }
  if (typeof answer === 'object' && answer !== null && isExpected(answer)) return answer;
  throw new CliError('The answer lacks the requested data. The server may not be Pokewire.');
}
