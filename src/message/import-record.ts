import { isUtf8 } from 'node:buffer';
import { invalid, PokewireError } from '../errors.ts';
import { skipSpace, walkMembers } from './json-text.ts';
import { maxMembers, type Outline, parseOutline, parseOutlineInTurns } from './long-json.ts';
import type { JsonText, Message } from './message.ts';
import { parseTime, timeText } from './message-time.ts';
import { isObject, kindOf } from './new-message.ts';
import { readPayload } from './payload.ts';
import { checkName, checkType } from './stream-name.ts';

/** Highest position that can be imported; leaves room for exact integers after it. */
export const maxImportedPosition = 2 ** 52;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const recordOutline: Outline = { levels: 1, isEmpty: () => true, maxMembers: maxMembers + 1, maxElements: 0 };

/** The message in a line, the end of an empty export, or the error in the line. */
export type ParsedRecord =
  | {
      readonly message: Message;
      /** Number of records in the export that this line ends; undefined if it is not the last line. */
      readonly end: number | undefined;
    }
  | { readonly message: undefined; readonly end: 0 }
  | { readonly code: 'INVALID_JSON' | 'INVALID_RECORD'; readonly problem: string };

/** The message as a line of an export, the format that an import reads. */
export function importRecord(message: Message): string {
  return `${recordStart(message)}}\n`;
}

/**
 * The last line of an export. The record count is a member of the last message rather than a separate line, because
 * EventoDB's importer ignores unknown members but rejects every line that is not a message.
 */
export function lastImportRecord(message: Message, records: number): string {
  return `${recordStart(message)},"end":{"records":${records}}}\n`;
}

/** The only line of an empty export. EventoDB's importer rejects it, as it contains no message, and changes nothing. */
export const emptyExport = '{"end":{"records":0}}\n';

/** Matches the end of {@link lastImportRecord}. No other line can match, because its last member is the time. */
export const exportEnd = /,"end":\{"records":(\d+)\}\}\r?\n?$/;

/** How many bytes at the end of an export are enough to match {@link exportEnd}. */
export const exportEndBytes = 64;

function recordStart(message: Message): string {
  return (
    `{"id":${JSON.stringify(message.id)},"stream":${JSON.stringify(message.stream)}` +
    `,"type":${JSON.stringify(message.type)},"pos":${message.position},"gpos":${message.globalPosition}` +
    `,"data":${message.data},"meta":${message.metadata},"time":"${timeText(message)}"`
  );
}

/**
 * Parses a line of an import. `INVALID_JSON`: the line is not a JSON object, or a member has the wrong type.
 * `INVALID_RECORD`: a member is missing or its value cannot be stored. Unknown members are ignored. Data and metadata
 * stay text.
 */
export function parseImportRecord(line: Buffer): ParsedRecord {
  if (!isUtf8(line)) return notUtf8;
  const text = line.toString();
  try {
    return recordOf(text, parseOutline(text, recordOutline));
  } catch (error) {
    return problemOf(error);
  }
}

/** Like {@link parseImportRecord}, but yields to the event loop while it parses a long line. */
export async function parseImportRecordInTurns(line: Buffer): Promise<ParsedRecord> {
  if (!isUtf8(line)) return notUtf8;
  const text = line.toString();
  try {
    return recordOf(text, await parseOutlineInTurns(text, recordOutline));
  } catch (error) {
    return problemOf(error);
  }
}

// Decoding would replace invalid bytes by U+FFFD and so alter the message.
const notUtf8: ParsedRecord = { code: 'INVALID_JSON', problem: 'the line must be UTF-8 text' };

function recordOf(text: string, parsed: unknown): ParsedRecord {
  if (!isObject(parsed)) return wrongType('the line', 'an object', parsed);
  if (Object.keys(parsed).length > maxMembers)
    return invalidRecord('the line', `must have at most ${maxMembers} members`);
  if ('end' in parsed && !messageMembers.some((name) => name in parsed)) return readLoneEnd(text);
  return wrongMember(parsed) ?? readRecord(text, parsed);
}

function problemOf(error: unknown): ParsedRecord {
  if (error instanceof PokewireError) return { code: 'INVALID_RECORD', problem: error.message };
  return { code: 'INVALID_JSON', problem: `the line must be JSON: ${(error as Error).message}` };
}

const messageMembers = ['id', 'stream', 'type', 'pos', 'gpos', 'data', 'meta', 'time'] as const;

type JsonObject = Readonly<Record<string, unknown>>;

function wrongMember(record: JsonObject): ParsedRecord | undefined {
  // Null counts as missing, as it does for EventoDB.
  for (const name of ['id', 'stream', 'type', 'time'] as const) {
    const value = record[name] ?? '';
    if (typeof value !== 'string') return wrongType(name, 'a string', value);
    if (value === '') return invalidRecord(name, 'is missing or empty');
  }
  for (const [name, least] of [
    ['pos', 0],
    ['gpos', 1],
  ] as const) {
    const value = record[name] ?? undefined;
    if (value === undefined) return invalidRecord(name, 'is missing');
    if (!Number.isInteger(value)) return wrongType(name, 'an integer', value);
    if ((value as number) < least) return invalidRecord(name, `must be at least ${least}, got ${value}`);
    if ((value as number) > maxImportedPosition) return invalidRecord(name, `must be at most 2^52, got ${value}`);
  }
  for (const name of ['data', 'meta'] as const) {
    const value = record[name] ?? undefined;
    if (value !== undefined && !isObject(value)) return wrongType(name, 'an object or null', value);
  }
  return undefined;
}

function readRecord(text: string, record: JsonObject): ParsedRecord {
  const { id, stream, type, pos, gpos, data, meta, time } = record as Record<string, string>;
  const parsedTime = parseTime(time!);
  if (parsedTime === undefined) {
    throw new PokewireError(
      'INVALID_REQUEST',
      `time must be RFC 3339 with at most nine digits of a second, such as 2030-01-31T12:00:00.123Z, got "${time!.slice(0, 64)}"`,
    );
  }
  let dataText: JsonText = '{}';
  let metadataText: JsonText | null = null;
  let end: number | undefined;
  walkMembers(text, skipSpace(text, 0), (key, from, to) => {
    // Of several members with one name JSON.parse keeps the last, and so does this.
    if (key === 'data' && data !== null) dataText = readPayload(text, from, to, 'data');
    else if (key === 'meta' && meta !== null) metadataText = readPayload(text, from, to, 'meta');
    else if (key === 'end') end = readEnd(text.slice(from, to));
  });
  const message = {
    id: checkName('id', uuid.test(id!) ? id!.toLowerCase() : id!),
    stream: checkName('stream', stream!),
    type: checkType('type', type!),
    position: Number(pos),
    globalPosition: Number(gpos),
    data: dataText,
    metadata: metadataText,
    ...parsedTime,
  };
  return { message, end };
}

function readLoneEnd(text: string): ParsedRecord {
  let records: number | undefined;
  walkMembers(text, skipSpace(text, 0), (key, from, to) => {
    if (key === 'end') records = recordsIn(text.slice(from, to));
  });
  if (records === 0) return { message: undefined, end: 0 };
  return invalidRecord('end', 'must be {"records":0} in a record without a message');
}

function readEnd(text: string): number {
  const records = recordsIn(text) ?? 0;
  if (records === 0) throw invalid('end', `must be like {"records":3456}, got ${text.slice(0, 64)}`);
  return records;
}

// Searches the text, because in a long line only the members of a message are parsed.
function recordsIn(text: string): number | undefined {
  const digits = /^\{\s*"records"\s*:\s*(0|[1-9]\d{0,15})\s*\}$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function wrongType(what: string, expected: string, value: unknown): ParsedRecord {
  const got = typeof value === 'number' && Number.isFinite(value) ? value : kindOf(value);
  return { code: 'INVALID_JSON', problem: `${what} must be ${expected}, got ${got}` };
}

function invalidRecord(member: string, problem: string): ParsedRecord {
  return { code: 'INVALID_RECORD', problem: `${member} ${problem}` };
}

/** An export of one message, as `/import` accepts it. For the API description. */
export const exampleRecord =
  '{"id":"01a1fc26-1f9b-70f9-b89a-eb99cb2a63f6","stream":"account-123","type":"Deposited","pos":0,"gpos":1,' +
  '"data":{"amount":100},"meta":null,"time":"2026-11-21T03:28:39.323Z","end":{"records":1}}\n';
