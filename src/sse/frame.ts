import type { Poke } from '../message/poke.ts';
import { maxNameBytes } from '../message/stream-name.ts';
import { cursorId, tagOf } from './cursor.ts';

/**
 * The wire format of the event stream, and the only file that knows it (HTML standard, 9.2.5 "Parsing an event
 * stream"). Text in a frame is JSON, so no CR, LF or NUL of a value can end a line early. Every frame is one chunk with its
 * framing (RFC 9112, 7.1), so it is framed once for all subscribers; `Connection` strips that for HTTP/1.0.
 */

/** Three hexadecimal digits, which may begin with zeros, and CRLF; behind the payload CRLF again. */
export const chunkHeadBytes = 5;
export const chunkTailBytes = 2;

/** Ends a chunked body. Without it the end of the connection is an error to the client. */
export const lastChunk = Buffer.from('0\r\n\r\n');

/** Fixed text, tag, framing and the longest numbers. */
const frameBytesWithoutName = 192;

/** A frame is never longer, framing included: a name of quotes, backslashes or line separators doubles in JSON. */
export const maxFrameBytes = maxNameBytes * 2 + frameBytesWithoutName;

/** The poke's frame is not longer, framing included: a UTF-16 unit of its stream's name is at most six bytes in JSON. */
export function frameBytesAtMost(poke: Poke): number {
  return Math.min(poke.stream.text.length * 6 + frameBytesWithoutName, maxFrameBytes);
}

/** Says that the subscription is registered. The blank line makes clients drop half an event that a cut left them with. */
export const readyFrame = chunkOf(': ready\n\n');

/** The same where a hello follows, whose own blank line does that: another one would be an empty event to some clients. */
export const readyBeforeHelloFrame = chunkOf(': ready\n');

/** Keeps proxies from closing an idle stream, and finds peers that are gone. A comment, and no event to any client. */
export const heartbeatFrame = chunkOf(':\n');

/** Tells an `EventSource` how long to wait before it reconnects. Without a blank line, which is an event to some clients. */
export function retryFrame(retryMs: number): Buffer {
  return chunkOf(`retry: ${retryMs}\n`);
}

/**
 * The last event of a stream that the server ends although the peer would go on; `code` says why. `id` echoes the cursor of
 * a subscriber that was sent nothing: some clients forget theirs at an event without one. Without the space after `data:`,
 * which is as valid: EventoDB's Go and Elixir clients take every line that begins with `data: ` for a poke.
 */
export function endFrame(code: string, id?: string): Buffer {
  return namedEvent('end', { code }, id);
}

/** What a cursor that the log cannot resume behind is answered with. */
export type Reset = {
  /** It lies beyond the head, is of another log, or lies before what the store still holds. */
  readonly reason: 'cursor-ahead' | 'other-epoch' | 'forgotten';
  /** Of the log that is delivered from now on. */
  readonly epoch: string;
  readonly head: number;
  /** Global positions, inclusive, that cannot be delivered. */
  readonly lost: {
    /** The log they are of; null: nobody knows. */
    readonly epoch: string | null;
    readonly from: number;
    /** null: to the end of that log, which nobody knows any more. */
    readonly to: number | null;
  };
  /** No message of the log has a lower global position, unless it was imported. */
  readonly replayFrom: number;
};

/** What the first event says. */
export type Hello = {
  readonly epoch: string;
  readonly head: number;
  /** Selected messages up to here may be gone. */
  readonly forgottenUpTo: number;
};

/** The first event, where asked for, with the server's time. `cursor` becomes its id. */
export function helloFrame(hello: Hello, cursor: number | undefined, nowMs: number): Buffer {
  const { epoch, head, forgottenUpTo } = hello;
  const time = new Date(nowMs).toISOString();
  return namedEvent('hello', { epoch, head, forgottenUpTo, time }, idOf(cursor, epoch));
}

/** Says that the subscription begins elsewhere than its cursor asked for, and what is missing. */
export function resetFrame(reset: Reset): Buffer {
  return namedEvent('reset', reset);
}

/**
 * A heartbeat that names the last selected message and the number of pokes sent on this connection: a subscriber that was poked up to
 * it and received as many has missed nothing. `upTo`, up to which everything was delivered, becomes its id.
 */
export function headFrame(epoch: string, head: number, count: number, upTo: number | undefined): Buffer {
  return namedEvent('heartbeat', { epoch, head, count }, idOf(upTo, epoch));
}

/** An event of a test stream: its number from 1, milliseconds since the first one, and whether it is the last one. */
export function tickFrame(number: number, sentMs: number, isLast: boolean): Buffer {
  return namedEvent('tick', { number, sentMs, ...(isLast && { last: true }) });
}

/** An event of a consumer group. None has an id: nothing resumes behind one. */
export function groupFrame(name: string, data: Readonly<Record<string, unknown>>): Buffer {
  return namedEvent(name, data);
}

// Here the id may stand in front: it names what was delivered before. Without the space behind `data:`, as above.
function namedEvent(name: string, data: Readonly<Record<string, unknown>>, id?: string): Buffer {
  return chunkOf(`event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data:${jsonText(data)}\n\n`);
}

function idOf(cursor: number | undefined, epoch: string): string | undefined {
  return cursor === undefined ? undefined : cursorId(cursor, tagOf(epoch));
}

/** What a subscriber that lagged receives of one stream: see `Conflation`. */
export type ConflatedFrame = {
  readonly stream: string;
  readonly from: number;
  readonly position: number;
  readonly globalPosition: number;
  readonly count: number;
};

/**
 * Writes one poke for several messages of a stream at `at`, where {@link maxFrameBytes} must be free, and returns the index
 * behind it. Streams are delivered one by one although their messages alternate in the log, so only the last of them
 * may move the subscriber's cursor: it alone gets an `id`, which names this position of the log with this tag.
 */
export function encodeConflated(
  frame: ConflatedFrame,
  id: number | undefined,
  tag: string,
  target: Buffer,
  at: number,
): number {
  const { stream, position, globalPosition, from, count } = frame;
  const data = jsonText({ stream, position, globalPosition, from, count });
  const idLine = id === undefined ? '' : `id: ${cursorId(id, tag)}\n`;
  return at + chunkOf(`event: poke\ndata: ${data}\n${idLine}\n`).copy(target, at);
}

/** Turns pokes into frames. The id is the global position and the log's tag, so one frame serves every subscription. */
export interface FrameEncoder {
  /** Writes the poke's frame at `at`, where {@link frameBytesAtMost} must be free, and returns the index behind it. */
  encode(poke: Poke, tag: string, target: Buffer, at: number): number;
}

/** The straightforward way: a fresh object, text and buffer for each poke. The reference for the bytes, and what pooling is measured against. */
export class PlainFrameEncoder implements FrameEncoder {
  encode(poke: Poke, tag: string, target: Buffer, at: number): number {
    const { stream, position, globalPosition } = poke;
    const data = jsonText({ stream: stream.text, position, globalPosition });
    // The id stands behind the data: in front of them, a client whose connection is cut in between would resume behind a
    // poke that it never received.
    return at + chunkOf(`event: poke\ndata: ${data}\nid: ${cursorId(globalPosition, tag)}\n\n`).copy(target, at);
  }
}

/** A chunk with this payload. */
function chunkOf(text: string): Buffer {
  const size = Buffer.byteLength(text).toString(16).padStart(3, '0');
  return Buffer.from(`${size}\r\n${text}\r\n`);
}

/** The payload of chunks: of one alone in place, of several copied together. */
export function payloadOf(chunks: Buffer): Buffer {
  const payloads: Buffer[] = [];
  for (let at = 0; at < chunks.length; ) {
    const start = chunks.indexOf('\r\n', at) + 2;
    const end = start + Number.parseInt(chunks.toString('latin1', at, start - 2), 16);
    payloads.push(chunks.subarray(start, end));
    at = end + chunkTailBytes;
  }
  return payloads.length === 1 ? payloads[0]! : Buffer.concat(payloads);
}

/** JSON whose line separators are escaped: some clients split lines at U+2028 and U+2029, which the standard does not. */
function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

/** Fixed ASCII text as the numbers whose bytes it is, eight each: one store in place of eight. load/micro/encode.ts has the gain. */
type Words = { readonly words: readonly number[]; readonly bytes: number };

function wordsOf(text: string): Words {
  const bytes = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  return {
    words: Array.from({ length: bytes.length / 8 }, (_, word) => bytes.readDoubleLE(word * 8)),
    bytes: text.length,
  };
}

const beginning = wordsOf('000\r\nevent: poke\ndata: {"stream":"');
const beforePosition = wordsOf('","position":');
const beforeGlobalPosition = wordsOf(',"globalPosition":');
const beforeId = wordsOf('}\nid: ');
/** Behind the tag. */
const ending = '\n\n\r\n';
const hexDigits = Buffer.from('0123456789abcdef');
/** 1, 10, 100, … as far as integers are exact. */
const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power);
const digitZero = 0x30;
/** Whether a UTF-16 unit stands in JSON as it is, in one byte: 1 or 0. */
const isPlain = Uint8Array.from({ length: 65_536 }, (_, unit) =>
  unit >= 0x20 && unit <= 0x7e && unit !== 0x22 && unit !== 0x5c ? 1 : 0,
);
const plainEncoder = new PlainFrameEncoder();

/**
 * Writes frames in place, without making or remembering anything of a stream, so that its cost is the same however many
 * streams are live. Names that are not plain ASCII go the way of {@link PlainFrameEncoder}.
 */
export class DirectFrameEncoder implements FrameEncoder {
  /** Of the buffers it has written to; pools lend the same ones again and again. */
  readonly #views = new WeakMap<Buffer, DataView>();
  #target: Buffer | undefined = undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #tag = '';
  #idEnding = wordsOf('');

  encode(poke: Poke, tag: string, target: Buffer, start: number): number {
    if (target !== this.#target) this.#writeTo(target);
    if (tag !== this.#tag) this.#endIdsWith(tag);
    const view = this.#view;
    const nameAt = writeWords(beginning, view, start);
    const { text } = poke.stream;
    if (!writeName(text, view, nameAt)) return plainEncoder.encode(poke, tag, target, start);
    let at = writeWords(beforePosition, view, nameAt + text.length);
    at = writeInteger(poke.position, target, at);
    const digits = writeWords(beforeGlobalPosition, view, at);
    const digitsEnd = writeInteger(poke.globalPosition, target, digits);
    at = writeWords(beforeId, view, digitsEnd);
    // Up to three bytes too many, which what follows overwrites.
    for (let digit = digits; digit < digitsEnd; digit += 4) view.setInt32(at + digit - digits, view.getInt32(digit));
    // All but its last byte, for nothing may be written behind the frame.
    const end = writeWords(this.#idEnding, view, at + digitsEnd - digits) + 1;
    target[end - 1] = 0x0a;
    const size = end - chunkTailBytes - start - chunkHeadBytes;
    target[start] = hexDigits[size >> 8]!;
    target[start + 1] = hexDigits[(size >> 4) & 0xf]!;
    target[start + 2] = hexDigits[size & 0xf]!;
    return end;
  }

  #writeTo(target: Buffer): void {
    this.#target = target;
    this.#view = this.#views.getOrInsertComputed(target, viewOf);
  }

  #endIdsWith(tag: string): void {
    this.#tag = tag;
    this.#idEnding = wordsOf(`-${tag}${ending.slice(0, -1)}`);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Writes the text, and up to seven bytes behind it, which the caller overwrites; returns the index behind the text. */
function writeWords({ words, bytes }: Words, view: DataView, at: number): number {
  for (let word = 0; word < words.length; word++) view.setFloat64(at + word * 8, words[word]!, true);
  return at + bytes;
}

/** Writes the name, four characters a store; false: it does not stand in JSON as it is. */
function writeName(name: string, view: DataView, at: number): boolean {
  const { length } = name;
  let plain = 1;
  let from = 0;
  for (; from + 4 <= length; from += 4) {
    const a = name.charCodeAt(from);
    const b = name.charCodeAt(from + 1);
    const c = name.charCodeAt(from + 2);
    const d = name.charCodeAt(from + 3);
    plain &= isPlain[a]! & isPlain[b]! & isPlain[c]! & isPlain[d]!;
    view.setInt32(at + from, (a << 24) | (b << 16) | (c << 8) | d);
  }
  for (; from < length; from++) {
    const unit = name.charCodeAt(from);
    plain &= isPlain[unit]!;
    view.setUint8(at + from, unit);
  }
  return plain === 1;
}

/** Writes a non-negative integer in decimal and returns the index behind it. */
function writeInteger(value: number, target: Buffer, at: number): number {
  let digits = 1;
  while (value >= powersOfTen[digits]!) digits++;
  const end = at + digits;
  let write = end;
  while (value > 0x7fffffff) {
    const rest = Math.floor(value / 10);
    target[--write] = digitZero + (value - rest * 10);
    value = rest;
  }
  // Now a 31-bit integer, which divides without floating point.
  do {
    const rest = (value / 10) | 0;
    target[--write] = digitZero + (value - rest * 10);
    value = rest;
  } while (write > at);
  return end;
}
