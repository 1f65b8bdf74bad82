import type { Msg } from '@nats-io/transport-node';
import { messageHeaders, positionOf } from './stored-message.ts';

const dot = 0x2e;
const zero = 0x30;

/** Sequence number of a delivered message in its stream, and its number among the consumer's deliveries. */
export type Delivery = { readonly seq: number; readonly count: number };

/**
 * Parses the reply subject of a delivery, `$JS.ACK.….CONSUMER.TRIES.SEQ.COUNT.TIME.PENDING`. Some servers add tokens before
 * the consumer and at the end.
 */
export function deliveryOf(reply: string, consumer: string): Delivery {
  const tries = reply.indexOf('.', reply.indexOf(consumer) + consumer.length) + 1;
  const seq = reply.indexOf('.', tries) + 1;
  const count = reply.indexOf('.', seq) + 1;
  return { seq: numberAt(reply, seq), count: numberAt(reply, count) };
}

function numberAt(text: string, from: number): number {
  let value = 0;
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === dot) break;
    value = value * 10 + unit - zero;
  }
  return value;
}

/** The first header of a message is its position, after the protocol line. */
const start = Buffer.from(`NATS/1.0\r\n${messageHeaders.position}: `);

/**
 * Position of a delivered message in its stream. Reads the first header from its bytes, because the client decodes and
 * checks all headers at once, which took half of a catch-up (`npm run micro -- delivered`).
 */
export function positionOfDelivered(message: Msg): number {
  const { _rdata: bytes } = message as { readonly _rdata?: Uint8Array };
  if (bytes === undefined) return positionOf(message.headers!);
  for (let at = 0; at < start.length; at++) if (bytes[at] !== start[at]) return positionOf(message.headers!);
  let value = 0;
  for (let at = start.length; ; at++) {
    const digit = bytes[at]! - zero;
    if (!(digit >= 0 && digit <= 9)) return value;
    value = value * 10 + digit;
  }
}
