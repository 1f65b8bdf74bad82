import { timeText } from './message-time.ts';

/**
 * JSON text exactly as the writer sent it, white space between tokens removed. Payloads stay text from the request to
 * the response, so no number loses digits and no key moves.
 */
export type JsonText = string;

/** A validated message with its id, not yet stored. */
export type NewMessage = {
  /** UUID, lower case; see `given`. */
  readonly id: string;
  /** False when the server generated the id: such an id is new, so it need not be looked up. */
  readonly given: boolean;
  readonly type: string;
  /** A JSON object. */
  readonly data: JsonText;
  /** A JSON object, or null. */
  readonly metadata: JsonText | null;
};

/** A stored message. */
export type Message = {
  readonly id: string;
  readonly stream: string;
  readonly type: string;
  /** Index in its stream, from 0. */
  readonly position: number;
  /** Index in the namespace's log, from 1. */
  readonly globalPosition: number;
  readonly data: JsonText;
  readonly metadata: JsonText | null;
  /**
   * When it was stored, milliseconds since 1970-01-01. Never earlier than the previous message of its namespace, unless
   * it was imported.
   */
  readonly timeMs: number;
  /** Nanoseconds within the millisecond, 0 to 999,999; above 0 only for imported messages. */
  readonly timeNanos: number;
};

// The functions below are the only place where a stored message becomes response text.

/** The message as a JSON object. */
export function messageJson(message: Message): string {
  return (
    `{"id":${JSON.stringify(message.id)},"stream":${JSON.stringify(message.stream)}` +
    `,"type":${JSON.stringify(message.type)},"position":${message.position}` +
    `,"globalPosition":${message.globalPosition},"data":${message.data},"metadata":${message.metadata}` +
    `,"time":"${timeText(message)}"}`
  );
}

/** The message as the array that EventoDB's `stream.get` returns: id, type, position, global position, data, metadata, time. */
export function streamRowJson(message: Message): string {
  return `[${JSON.stringify(message.id)},${rowEnd(message)}`;
}

/** Like {@link streamRowJson} with the stream's name after the id, as `category.get` returns it. */
export function categoryRowJson(message: Message): string {
  return `[${JSON.stringify(message.id)},${JSON.stringify(message.stream)},${rowEnd(message)}`;
}

function rowEnd(message: Message): string {
  const { type, position, globalPosition, data, metadata } = message;
  return `${JSON.stringify(type)},${position},${globalPosition},${data},${metadata},"${timeText(message)}"]`;
}
