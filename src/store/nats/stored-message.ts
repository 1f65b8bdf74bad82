import type { MsgHdrs } from '@nats-io/transport-node';
import type { Message, NewMessage } from '../../message/message.ts';
import type { HeaderValues } from './nats-link.ts';

/** Headers of a stored message. Its id is in JetStream's own id header. */
export const messageHeaders = {
  id: 'Nats-Msg-Id',
  position: 'Pw-Pos',
  type: 'Pw-Type',
  /** Length of the metadata, which comes before the data; absent: null. */
  metadataBytes: 'Pw-Meta',
} as const;

/** A message read from a JetStream stream. */
export type Stored = {
  readonly subject: string;
  readonly seq: number;
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
  /** As written by the server: RFC 3339 with nanoseconds. */
  readonly time: string;
};

/** An encoded message: its payload, and its headers without those of the append. */
export type Written = { readonly headers: HeaderValues; readonly payload: Uint8Array };

/** Values that need no escaping. Headers are ASCII here, because clients and tools disagree about anything else. */
const plain = /^[\x21-\x24\x26-\x7e][\x20-\x24\x26-\x7e]*(?<! )$/;

/** Encodes a message for its position. Data and metadata are stored verbatim. */
export function writeMessage({ id, type, data, metadata }: NewMessage, position: number): Written {
  const headers: Record<string, string | number> = {
    [messageHeaders.position]: position,
    [messageHeaders.id]: id,
    [messageHeaders.type]: plain.test(type) ? type : encodeURIComponent(type),
  };
  if (metadata === null) return { headers, payload: Buffer.from(data) };
  const before = Buffer.from(metadata);
  headers[messageHeaders.metadataBytes] = before.length;
  return { headers, payload: Buffer.concat([before, Buffer.from(data)]) };
}

/** Decodes a stored message. */
export function readMessage(stored: Stored, stream: string): Message {
  const { headers, seq, time } = stored;
  const bytes = Buffer.from(stored.data.buffer, stored.data.byteOffset, stored.data.byteLength);
  const metadataBytes = headers.get(messageHeaders.metadataBytes);
  const split = metadataBytes === '' ? 0 : Number(metadataBytes);
  return {
    id: headers.get(messageHeaders.id),
    stream,
    type: decodeURIComponent(headers.get(messageHeaders.type)),
    position: positionOf(headers),
    globalPosition: seq,
    data: bytes.toString('utf8', split),
    metadata: metadataBytes === '' ? null : bytes.toString('utf8', 0, split),
    timeMs: Math.floor(Date.parse(time)),
    timeNanos: 0,
  };
}

/** Position in its stream. */
export function positionOf(headers: MsgHdrs): number {
  return Number(headers.get(messageHeaders.position));
}
