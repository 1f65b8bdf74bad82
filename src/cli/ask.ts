import { type CallOptions, call } from './call.ts';
import type { ServerAddress } from './invocation.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Beyond this an answer is none that a command asked for. */
const maxAnswerBytes = 536_870_912;

/** Sends a request with a body of JSON, or none, and resolves to the text of the answer. */
export async function ask(
  server: ServerAddress,
  terminal: Terminal,
  { body, ...options }: CallOptions & { readonly body?: string },
): Promise<string> {
  const bodyType = body === undefined ? undefined : 'application/json';
  const { request, response } = call(server, terminal, { ...options, bodyType });
  request.end(body);
  const answer = await response;
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > maxAnswerBytes) throw new CliError(`The answer of ${server.url.origin} is too long.`);
    }
  } catch (error) {
    if (error instanceof CliError || terminal.interrupted.aborted) throw error;
    throw new CliError(`The connection to ${server.url.origin} ended before the answer was whole.`);
  }
  return Buffer.concat(pieces).toString();
}

/** The same, with the answer as JSON. */
export async function askJson<T>(...args: Parameters<typeof ask>): Promise<T> {
  return parseAnswer<T>(await ask(...args));
}

/** Calls a method of `/rpc`. */
export function askRpc<T>(server: ServerAddress, terminal: Terminal, call: readonly unknown[]): Promise<T> {
  return askJson<T>(server, terminal, { method: 'POST', path: 'rpc', body: JSON.stringify(call) });
}

export function parseAnswer<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new CliError('The server did not answer with JSON. It does not seem to be Pokewire.');
  }
}
