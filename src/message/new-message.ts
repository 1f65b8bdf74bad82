import { isUtf8 } from 'node:buffer';
import { invalid, PokewireError } from '../errors.ts';
import { firstElement, nextElement, skipSpace, walkMembers } from './json-text.ts';
import { isLong, type Outline, parseOutline, parseOutlineInTurns } from './long-json.ts';
import type { JsonText, NewMessage } from './message.ts';
import { newId } from './new-id.ts';
import { readPayload } from './payload.ts';
import { checkType } from './stream-name.ts';
import { ownTurn } from './turns.ts';

/** Maximum number of messages in one append. */
export const maxMessagesPerAppend = 10_000;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const known = new Set(['id', 'type', 'data', 'metadata']);

/** Whether the member is a payload, whose text is stored verbatim. */
export function isPayload(name: string): boolean {
  return name === 'data' || name === 'metadata';
}

const messagesOutline: Outline = {
  levels: 2,
  isEmpty: isPayload,
  // One more than the known members, so that an unknown member is always among them and can be named in the error.
  maxMembers: known.size + 1,
  maxElements: maxMessagesPerAppend + 1,
};

/** A body as text, and as parsed by `parseOutline`. */
export type JsonBody = { readonly text: string; readonly parsed: unknown };

/** Parses a JSON body; throws `INVALID_REQUEST`. */
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
  // Decoding would replace invalid bytes by U+FFFD and so alter the message.
  if (!isUtf8(body)) throw invalidBody('must be UTF-8 text');
  return body.toString();
}

function noJson(error: unknown): PokewireError {
  return invalidBody(`must be JSON: ${error instanceof Error ? error.message : String(error)}`);
}

/** The error for a body as a whole. `details.error` repeats the problem, as EventoDB does. */
export function invalidBody(problem: string): PokewireError {
  return new PokewireError('INVALID_REQUEST', `body ${problem}`, { details: { field: 'body', error: problem } });
}

/**
 * Parses an append's body: one message `{id?, type, data, metadata?}` or an array of 1 to {@link maxMessagesPerAppend}.
 * Keeps `data` and `metadata` as text. Throws `INVALID_REQUEST` that names the invalid member.
 */
export function parseNewMessages(body: Buffer | undefined): NewMessage[] {
  return readMessages(parseJsonBody(body, messagesExpected, messagesOutline));
}

/** Like {@link parseNewMessages}, but yields to the event loop while it parses a long body. */
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
  // `map` rather than pushing to `[]`: V8 soon allocates such arrays in the old generation, with everything in them.
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

/** A message without its id. `end`: index after it in the text. */
export type MessageContent = Pick<NewMessage, 'type' | 'data' | 'metadata'> & { readonly end: number };

/** Parses the message object at `start` except for its id; throws `INVALID_REQUEST` that names the invalid member. */
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
    // Of several members with one name JSON.parse keeps the last, and so does this.
    if (key === 'data') dataText = readPayload(text, from, to, `${path}data`);
    else if (key === 'metadata')
      metadataText = metadata === null ? null : readPayload(text, from, to, `${path}metadata`);
  });
  return { type: checkType(`${path}type`, type), data: dataText, metadata: metadataText, end };
}

/** Gives the message its own id or a new one; throws `INVALID_REQUEST` if the id is not a UUID. */
export function identify({ type, data, metadata }: MessageContent, field: string, id: unknown): NewMessage {
  return { id: checkId(field, id) ?? newId(), given: hasId(id), type, data, metadata };
}

/** The id in lower case, or undefined if none was given; throws `INVALID_REQUEST` if it is not a UUID of any version. */
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

/** The JSON type of a value, for error texts. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
