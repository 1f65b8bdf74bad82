import type { Poke } from '../message/poke.ts';
import { maxNameBytes } from '../message/stream-name.ts';

/**
 * The wire format of the event stream, and the only file that knows it (HTML standard, 9.2.5 "Parsing an event
 * stream"). Text in a frame is JSON, so no CR, LF or NUL of a value can end a line early.
 */

/** Fixed text and the longest numbers. */
const frameBytesWithoutName = 192;

/** A frame is never longer: a name of quotes and backslashes doubles in JSON. */
export const maxFrameBytes = maxNameBytes * 2 + frameBytesWithoutName;

/** The poke's frame is not longer: a UTF-16 unit of its stream's name is at most three bytes in JSON. */
export function frameBytesAtMost(poke: Poke): number {
  return poke.stream.text.length * 3 + frameBytesWithoutName;
}

/** Says that the subscription is registered: every message appended from now on will be told. */
export const readyFrame = Buffer.from(': ready\n\n');

/** Keeps proxies from closing an idle stream, and finds peers that are gone. */
export const heartbeatFrame = Buffer.from(': hb\n\n');

/** Tells an `EventSource` how long to wait before it reconnects. */
export function retryFrame(retryMs: number): Buffer {
  return Buffer.from(`retry: ${retryMs}\n\n`);
}

/**
 * The last event of a stream that the server could not keep telling. Without the space behind `data:`, which is as valid:
 * EventoDB's Go and Elixir clients take every line that begins with `data: ` for a poke.
 */
export function errorFrame(code: string, message: string): Buffer {
  return Buffer.from(`event: error\ndata:${JSON.stringify({ error: { code, message } })}\n\n`);
}

/**
 * The last event of a stream that the server ends although the peer would go on; `code` says why. No space, as above. With
 * `logIsGone` its id is empty: an `EventSource` then forgets its cursor, which a new log of the same name would take for
 * one of its own.
 */
export function endFrame(code: string, logIsGone = false): Buffer {
  return Buffer.from(`event: end\n${logIsGone ? 'id:\n' : ''}data:${JSON.stringify({ code })}\n\n`);
}

/** What a cursor that the log cannot resume behind is answered with. */
export type Reset = {
  /** It lies beyond the head, is of another log, or lies before what the store still holds. */
  readonly reason: 'cursor-ahead' | 'other-epoch' | 'forgotten';
  /** Of the log that is told from now on. */
  readonly epoch: string;
  readonly head: number;
  /** Global positions, inclusive, that cannot be told. */
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

/** The first event for those who ask: which log is told, its head, and the time here. `cursor` becomes its id. */
export function helloFrame(epoch: string, head: number, cursor: number | undefined, nowMs: number): Buffer {
  return namedEvent('hello', { epoch, head, time: new Date(nowMs).toISOString() }, cursor);
}

/** Says that the subscription begins elsewhere than its cursor asked for, and what is missing. */
export function resetFrame(reset: Reset): Buffer {
  return namedEvent('reset', reset);
}

/**
 * A heartbeat that tells the last message of the log that the selectors name: who was poked up to there has missed nothing.
 * `upTo`, up to where everything was told, becomes its id.
 */
export function headFrame(epoch: string, head: number, upTo: number | undefined): Buffer {
  return namedEvent('heartbeat', { epoch, head }, upTo);
}

// Without the space behind `data:`, as above.
function namedEvent(name: string, data: Readonly<Record<string, unknown>>, id?: number): Buffer {
  return Buffer.from(`event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data:${JSON.stringify(data)}\n\n`);
}

/** What is told of one stream to a subscriber that lagged: see `Conflation`. */
export type ConflatedFrame = {
  readonly stream: string;
  readonly from: number;
  readonly position: number;
  readonly globalPosition: number;
  readonly count: number;
};

/**
 * Writes one poke for several messages of a stream at `at`, where {@link maxFrameBytes} must be free, and returns the index
 * behind it. Streams are told one after the other although their messages alternate in the log, so only the last of them
 * may move the subscriber's cursor: it alone gets an `id`.
 */
export function encodeConflated(frame: ConflatedFrame, id: number | undefined, target: Buffer, at: number): number {
  const { stream, position, globalPosition, from, count } = frame;
  const data = JSON.stringify({ stream, position, globalPosition, from, count });
  return at + target.write(`event: poke\ndata: ${data}\n${id === undefined ? '' : `id: ${id}\n`}\n`, at);
}

/** How far an import is: messages so far, and the global position of the last one. */
export function importProgressFrame(imported: number, gpos: number): Buffer {
  return eventOf({ imported, gpos });
}

/** The last event of an import that was stored. */
export function importDoneFrame(imported: number, elapsedMs: number): Buffer {
  return eventOf({ done: true, imported, elapsed: `${(elapsedMs / 1000).toFixed(1)}s` });
}

/** The last event of an import that failed; `line` counts from 1. */
export function importErrorFrame(code: string, message: string, line: number): Buffer {
  return eventOf({ error: code, message, ...(line > 0 && { line }) });
}

// EventoDB's importers read lines that begin with `data: `, and no event names.
function eventOf(data: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}

/** An event of a test stream: its number from 1, milliseconds since the first one, and whether it is the last one. */
export function tickFrame(number: number, sentMs: number, isLast: boolean): Buffer {
  return namedEvent('tick', { number, sentMs, ...(isLast && { last: true }) });
}

/** Turns pokes into frames. `id:` is the global position, so one frame serves every subscription. */
export interface FrameEncoder {
  /** Writes the poke's frame at `at`, where {@link frameBytesAtMost} must be free, and returns the index behind it. */
  encode(poke: Poke, target: Buffer, at: number): number;
}

/** The straightforward way: a fresh object, text and buffer for each poke. The reference for the bytes, and what pooling is measured against. */
export class PlainFrameEncoder implements FrameEncoder {
  encode(poke: Poke, target: Buffer, at: number): number {
    const { position, globalPosition } = poke;
    const data = JSON.stringify({ stream: poke.stream.text, position, globalPosition });
    const frame = Buffer.from(`event: poke\ndata: ${data}\nid: ${globalPosition}\n\n`);
    target.set(frame, at);
    return at + frame.length;
  }
}

const middle = Buffer.from(',"globalPosition":');
const middleBytes = middle.length;
const beforeId = Buffer.from('}\nid: ');
const beforeIdBytes = beforeId.length;
const newline = 0x0a;
/** 1, 10, 100, … as far as integers are exact. */
const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power);
const digitZero = 0x30;
/** Streams whose frame beginnings are kept in each of the two generations. */
const cachedStreams = 8_192;

/**
 * Writes frames without making anything: the beginning of a stream's frame is kept as bytes, numbers are written digit
 * by digit. Keeps the beginnings of the streams that were told last, at most 16,384.
 * load/micro/encode.ts has the gain over {@link PlainFrameEncoder}.
 */
export class CachedFrameEncoder implements FrameEncoder {
  #young = new Map<string, Buffer>();
  #old = new Map<string, Buffer>();

  encode(poke: Poke, target: Buffer, at: number): number {
    const beginning = this.#young.get(poke.stream.text) ?? this.#remember(poke.stream.text);
    target.set(beginning, at);
    at = writeInteger(poke.position, target, at + beginning.length);
    // For a few bytes a loop in place costs half of what `set` or a function of its own does: load/micro/encode.ts.
    for (let index = 0; index < middleBytes; index++) target[at + index] = middle[index]!;
    const digits = at + middleBytes;
    const digitsEnd = writeInteger(poke.globalPosition, target, digits);
    for (let index = 0; index < beforeIdBytes; index++) target[digitsEnd + index] = beforeId[index]!;
    at = digitsEnd + beforeIdBytes;
    for (let digit = digits; digit < digitsEnd; digit++) target[at++] = target[digit]!;
    target[at] = newline;
    target[at + 1] = newline;
    return at + 2;
  }

  #remember(stream: string): Buffer {
    const beginning =
      this.#old.get(stream) ?? ownBuffer(`event: poke\ndata: {"stream":${JSON.stringify(stream)},"position":`);
    if (this.#young.size === cachedStreams) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(stream, beginning);
    return beginning;
  }
}

/** Not from Node's shared slab, which a few kept bytes would keep alive as a whole. */
function ownBuffer(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
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
