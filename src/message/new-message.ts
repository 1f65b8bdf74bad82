import { isUtf8 } from 'node:buffer';
import { invalid, PokewireError } from '../errors.ts';
import { firstElement, nextElement, skipSpace, walkMembers } from './json-text.ts';
import { isLong, type Outline, parseOutline, parseOutlineInTurns } from './long-json.ts';
import type { JsonText, NewMessage } from './message.ts';
import { newId } from './new-id.ts';
import { readPayload } from './payload.ts';
import { checkType } from './stream-name.ts';
import { ownTurn } from './turns.ts';

/** One append carries at most this many messages. */
export const maxMessagesPerAppend = 10_000;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const known = new Set(['id', 'type', 'data', 'metadata']);

/** A message's payloads are taken over as they stand. */
export function isPayload(name: string): boolean {
  return name === 'data' || name === 'metadata';
}

const messagesOutline: Outline = {
  levels: 2,
  isEmpty: isPayload,
  // One more, and one of them is not a member of a message.
  maxMembers: known.size + 1,
  maxElements: maxMessagesPerAppend + 1,
};

/** A body as text, and what `parseOutline` makes of it. */
export type JsonBody = { readonly text: string; readonly parsed: unknown };

/** Reads a body that is JSON; throws `INVALID_REQUEST`. */
function parseJsonBody(body: Buffer | undefined, expected: string, outline: Outline): JsonBody {
  const text = textOf(body, expected);
  try {
    return { text, parsed: parseOutline(text, outline) };
  } catch (error) {
    throw noJson(error);
  }
}

/** Like {@link parseJsonBody}, but yields to the event loop while it parses a long body. */
export async function parseJsonBodyInTurns(
  body: Buffer | undefined,
  expected: string,
  outline: Outline,
): Promise<JsonBody> {
  if (body === undefined || !isLong(body)) return parseJsonBody(body, expected, outline);
  const text = textOf(body, expected);
  try {
    return { text, parsed: await parseOutlineInTurns(text, outline) };
  } catch (error) {
    throw noJson(error);
  }
}

function textOf(body: Buffer | undefined, expected: string): string {
  if (body === undefined || body.length === 0) throw invalidBody(`is missing: send ${expected}`);
  // Decoding would put U+FFFD where the bytes are wrong, and so alter what was written.
  if (!isUtf8(body)) throw invalidBody('must be UTF-8 text');
  return body.toString();
}

function noJson(error: unknown): PokewireError {
  return invalidBody(`must be JSON: ${error instanceof Error ? error.message : String(error)}`);
}

/** The refusal of a body as a whole; `details.error` repeats the problem, as EventoDB has it. */
export function invalidBody(problem: string): PokewireError {
  return new PokewireError('INVALID_REQUEST', `body ${problem}`, { details: { field: 'body', error: problem } });
}

/**
 * Reads an append's body: one message `{id?, type, data, metadata?}` or an array of 1 to {@link maxMessagesPerAppend}.
 * `data` and `metadata` are taken over as text. Throws `INVALID_REQUEST` that names the member at fault.
 */
export function parseNewMessages(body: Buffer | undefined): NewMessage[] {
  return readMessages(parseJsonBody(body, messagesExpected, messagesOutline));
}

/** As {@link parseNewMessages}; other work has its turns while it reads a long body. */
export async function parseNewMessagesInTurns(body: Buffer | undefined): Promise<NewMessage[]> {
  const messages = readMessages(await parseJsonBodyInTurns(body, messagesExpected, messagesOutline));
  await ownTurn();
  return messages;
}

const messagesExpected = 'a message or an array of messages';

function readMessages({ text, parsed }: JsonBody): NewMessage[] {
  const start = skipSpace(text, 0);
  if (!Array.isArray(parsed)) return [parseMessage(text, start, parsed, '').message];
  if (parsed.length === 0) throw invalid('body', 'must hold at least one message, got an empty array');
  if (parsed.length > maxMessagesPerAppend) {
    throw invalid('body', `must hold at most ${maxMessagesPerAppend} messages: use several requests`);
  }
  let at = firstElement(text, start);
  // An array that `map` makes: one that begins as `[]` V8 soon puts among what lives long, with all that is in it.
  return parsed.map((one: unknown, index) => {
    const { message, end } = parseMessage(text, at, one, `[${index}].`);
    at = nextElement(text, end);
    return message;
  });
}

function parseMessage(
  text: string,
  start: number,
  parsed: unknown,
  path: string,
): { message: NewMessage; end: number } {
  if (!isObject(parsed)) {
    throw invalid(path === '' ? 'body' : path.slice(0, -1), `must be a message object, got ${kindOf(parsed)}`);
  }
  for (const key of Object.keys(parsed)) {
    if (!known.has(key)) throw invalid(`${path}${key}`, 'is not a member of a message (id, type, data, metadata)');
  }
  const content = parseContent(text, start, parsed, path);
  return { message: identify(content, `${path}id`, parsed.id), end: content.end };
}

/** A message without its id. `end` is the index behind it in the text it was read from. */
export type MessageContent = Pick<NewMessage, 'type' | 'data' | 'metadata'> & { readonly end: number };

/** Reads the message object that begins at `start`, all but its id; throws `INVALID_REQUEST` that names the member. */
export function parseContent(text: string, start: number, parsed: unknown, path: string): MessageContent {
  if (!isObject(parsed)) throw invalid(path.slice(0, -1), `must be a message object, got ${kindOf(parsed)}`);
  const { type, data, metadata } = parsed;
  if (typeof type !== 'string') throw invalid(`${path}type`, `must be a string, got ${kindOf(type)}`);
  if (!isObject(data)) throw invalid(`${path}data`, `must be an object, got ${kindOf(data)}`);
  if (metadata !== undefined && metadata !== null && !isObject(metadata)) {
    throw invalid(`${path}metadata`, `must be an object or null, got ${kindOf(metadata)}`);
  }
  let dataText: JsonText = '{}';
  let metadataText: JsonText | null = null;
  const end = walkMembers(text, start, (key, from, to) => {
    // JSON.parse lets the last of several equal members win, and so does this.
    if (key === 'data') dataText = readPayload(text, from, to, `${path}data`);
    else if (key === 'metadata')
      metadataText = metadata === null ? null : readPayload(text, from, to, `${path}metadata`);
  });
  return { type: checkType(`${path}type`, type), data: dataText, metadata: metadataText, end };
}

/** The message with the id that was given for it, or a new one; throws `INVALID_REQUEST` when it is not a UUID. */
export function identify({ type, data, metadata }: MessageContent, field: string, id: unknown): NewMessage {
  return { id: checkId(field, id) ?? newId(), given: hasId(id), type, data, metadata };
}

/** The id in lower case, undefined when none was given; throws `INVALID_REQUEST` when it is not a UUID (any version). */
function checkId(field: string, id: unknown): string | undefined {
  if (!hasId(id)) return undefined;
  if (typeof id !== 'string' || !uuid.test(id)) {
    throw invalid(
      field,
      `must be a UUID such as ${newId()}, got ${typeof id === 'string' ? `"${id.slice(0, 64)}"` : kindOf(id)}`,
    );
  }
  return id.toLowerCase();
}

function hasId(id: unknown): boolean {
  return id !== undefined && id !== null && id !== '';
}

/** Whether the value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a value is, in the words of JSON. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
