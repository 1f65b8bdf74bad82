import type { Poke } from '../message/poke.ts';
import { maxNameBytes } from '../message/stream-name.ts';
import { cursorId, tagOf } from './cursor.ts';
import { wordsOf, writeInteger, writeName, writeWords } from './in-place.ts';

/**
 * The wire format of the event stream; no other file knows it (HTML standard, 9.2.5 "Parsing an event stream"). Text in
 * a frame is JSON, so a CR, LF or NUL in a value cannot end a line early. Every frame includes its chunk framing (RFC
 * 9112, 7.1), which is thus encoded once for all subscribers; `Connection` removes it for HTTP/1.0.
 */

/** Before the payload three hexadecimal digits, possibly with leading zeros, and CRLF; after it another CRLF. */
export const chunkHeadBytes = 5;
export const chunkTailBytes = 2;

/** Completes a chunked body. Without it, clients treat the end of the connection as an error. */
export const lastChunk = Buffer.from('0\r\n\r\n');

/** Upper bound of fixed text, tag, framing and numbers. */
const frameBytesWithoutName = 192;

/** Longest frame including its framing. Quotes, backslashes and line separators in a name double in JSON. */
export const maxFrameBytes = maxNameBytes * 2 + frameBytesWithoutName;

/** Upper bound of the poke's frame including its framing: a UTF-16 unit takes at most six bytes in JSON. */
export function frameBytesAtMost(poke: Poke): number {
  return Math.min(poke.stream.text.length * 6 + frameBytesWithoutName, maxFrameBytes);
}

/** Confirms that the subscription is registered. The blank line makes clients drop a partial event from a lost connection. */
export const readyFrame = chunkOf(': ready\n\n');

/**
 * Sent instead of {@link readyFrame} when a hello follows, whose own blank line does the same. Some clients would
 * dispatch an empty event for a second one.
 */
export const readyBeforeHelloFrame = chunkOf(': ready\n');

/** Keeps proxies from closing an idle stream, and detects peers that are gone. A comment, so clients dispatch no event. */
export const heartbeatFrame = chunkOf(':\n');

/** Tells an `EventSource` how long to wait before it reconnects. Without a blank line, for which some clients dispatch an event. */
export function retryFrame(retryMs: number): Buffer {
  return chunkOf(`retry: ${retryMs}\n`);
}

/**
 * The last event of a stream that the server ends; `code` says why. `id` repeats the cursor of a subscriber to which
 * nothing was sent: some clients forget theirs at an event without an id. There is no space after `data:`, which is
 * valid, because EventoDB's Go and Elixir clients treat every line that starts with `data: ` as a poke.
 */
export function endFrame(code: string, id?: string): Buffer {
  return namedEvent('end', { code }, id);
}

/** The answer to a cursor that the log cannot resume after. */
export type Reset = {
  /** The cursor lies beyond the head, belongs to another log, or lies before what the store still holds. */
  readonly reason: 'cursor-ahead' | 'other-epoch' | 'forgotten';
  /** Epoch of the log that is delivered instead. */
  readonly epoch: string;
  readonly head: number;
  /** Inclusive range of global positions that cannot be delivered. */
  readonly lost: {
    /** The log of that range; null: unknown. */
    readonly epoch: string | null;
    readonly from: number;
    /** null: up to the unknown end of that log. */
    readonly to: number | null;
  };
  /** No selected message lies before it, except for those that an import put back, and those of categories with longer retention. */
  readonly replayFrom: number;
};

/** Content of the first event. */
export type Hello = {
  readonly epoch: string;
  readonly head: number;
  /** Selected messages up to here may have been deleted. */
  readonly forgottenUpTo: number;
};

/** The first event if the subscriber asked for it, with the server's time. `cursor` becomes its id. */
export function helloFrame(hello: Hello, cursor: number | undefined, nowMs: number): Buffer {
  const { epoch, head, forgottenUpTo } = hello;
  const time = new Date(nowMs).toISOString();
  return namedEvent('hello', { epoch, head, forgottenUpTo, time }, idOf(cursor, epoch));
}

/**
 * Reports that the subscription does not start at its cursor, and what is missing. `resumeAfter` becomes its id. The id
 * comes last: if it came first, a client cut off in between would resume there without having received the reset.
 */
export function resetFrame(reset: Reset, resumeAfter: number | undefined): Buffer {
  return chunkOf(`event: reset\ndata:${jsonText(reset)}\n${idLine(idOf(resumeAfter, reset.epoch))}\n`);
}

/**
 * A heartbeat that names the last selected message and the number of pokes sent on this connection. A subscriber that
 * received a poke for that message and the same number of pokes has missed nothing. `upTo`, the position up to which
 * everything was delivered, becomes its id.
 */
export function headFrame(epoch: string, head: number, count: number, upTo: number | undefined): Buffer {
  return namedEvent('heartbeat', { epoch, head, count }, idOf(upTo, epoch));
}

/** An event of a test stream: its number from 1, milliseconds since the first one, and whether it is the last. */
export function tickFrame(number: number, sentMs: number, isLast: boolean): Buffer {
  return namedEvent('tick', { number, sentMs, ...(isLast && { last: true }) });
}

/** An event of a consumer group. It has no id, because nothing resumes after it. */
export function groupFrame(name: string, data: Readonly<Record<string, unknown>>): Buffer {
  return namedEvent(name, data);
}

// The id may come first here, because it names the end of earlier deliveries. No space after `data:`, see {@link
// endFrame}.
function namedEvent(name: string, data: Readonly<Record<string, unknown>>, id?: string): Buffer {
  return chunkOf(`event: ${name}\n${idLine(id)}data:${jsonText(data)}\n\n`);
}

function idLine(id: string | undefined): string {
  return id === undefined ? '' : `id: ${id}\n`;
}

function idOf(cursor: number | undefined, epoch: string): string | undefined {
  return cursor === undefined ? undefined : cursorId(cursor, tagOf(epoch));
}

/** The content of a poke for a subscriber that lagged, for one stream: see `Conflation`. */
export type ConflatedFrame = {
  readonly stream: string;
  readonly from: number;
  readonly position: number;
  readonly globalPosition: number;
  readonly count: number;
};

/**
 * Writes one poke for several messages of a stream at `at`, where {@link maxFrameBytes} must be free, and returns the
 * index after it. Streams are delivered one after another although their messages alternate in the log, so only the
 * last frame of a round may move the subscriber's cursor: it alone gets an `id`, made of this global position and the
 * log's tag.
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
  const cursor = id === undefined ? undefined : cursorId(id, tag);
  return at + chunkOf(`event: poke\ndata: ${data}\n${idLine(cursor)}\n`).copy(target, at);
}

/** Encodes pokes as frames. The id consists of global position and tag, so one frame serves every subscription. */
export interface FrameEncoder {
  /** Writes the poke's frame at `at`, where {@link frameBytesAtMost} must be free, and returns the index after it. */
  encode(poke: Poke, tag: string, target: Buffer, at: number): number;
}

/**
 * The straightforward encoder: a new object, text and buffer for each poke. Defines the expected bytes, and is the
 * baseline for measuring pooling.
 */
export class PlainFrameEncoder implements FrameEncoder {
  encode(poke: Poke, tag: string, target: Buffer, at: number): number {
    const { stream, position, globalPosition } = poke;
    const data = jsonText({ stream: stream.text, position, globalPosition });
    // The id comes after the data: if it came first, a client cut off in between would resume after a poke that it never received.
    return at + chunkOf(`event: poke\ndata: ${data}\nid: ${cursorId(globalPosition, tag)}\n\n`).copy(target, at);
  }
}

/** A chunk with this payload. */
function chunkOf(text: string): Buffer {
  const size = Buffer.byteLength(text).toString(16).padStart(3, '0');
  return Buffer.from(`${size}\r\n${text}\r\n`);
}

/** The payload of one or more chunks. A single chunk is not copied. */
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

/** JSON with U+2028 and U+2029 escaped: some clients split lines there, contrary to the standard. */
function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

const beginning = wordsOf('000\r\nevent: poke\ndata: {"stream":"');
const beforePosition = wordsOf('","position":');
const beforeGlobalPosition = wordsOf(',"globalPosition":');
const beforeId = wordsOf('}\nid: ');
/** The end of a frame, after the tag. */
const ending = '\n\n\r\n';
const hexDigits = Buffer.from('0123456789abcdef');
const plainEncoder = new PlainFrameEncoder();

/**
 * Encodes frames in place. Keeps nothing per stream, so its cost does not depend on the number of live streams. Names
 * that are not plain ASCII use {@link PlainFrameEncoder}.
 */
export class DirectFrameEncoder implements FrameEncoder {
  /** Cached views of pooled buffers, since pools lend the same buffers repeatedly. */
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
    // Writes up to three bytes too many, which the following text overwrites.
    for (let digit = digits; digit < digitsEnd; digit += 4) view.setInt32(at + digit - digits, view.getInt32(digit));
    // Without its last byte, because nothing may be written after the frame.
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
