import type { Msg } from '@nats-io/transport-node';
import { messageHeaders, positionOf } from './stored-message.ts';

const dot = 0x2e;
const zero = 0x30;

/** A message as the client represents it before it decodes anything. The fields are private, so any may be missing. */
type Undecoded = {
  readonly _rdata?: Uint8Array;
  readonly _msg?: { readonly subject?: Uint8Array; readonly reply?: Uint8Array };
};

/** The subject of a delivered message, as bytes: with decoded subjects a delivery takes three times as long (`npm run micro -- delivered`). */
export function subjectOf(message: Msg): Uint8Array {
  return (message as Undecoded)._msg?.subject ?? Buffer.from(message.subject);
}

/** Whether two texts are equal from an index on. */
export function isSame(one: Uint8Array, other: Uint8Array, from = 0): boolean {
  if (one.length !== other.length) return false;
  for (let at = from; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/**
 * Parses the reply subjects of one consumer's deliveries, `$JS.ACK.….CONSUMER.TRIES.SEQ.COUNT.TIME.PENDING`. Some servers add
 * tokens before the consumer and at the end.
 */
export class DeliveryParser {
  readonly #consumer: Buffer;
  /** Index after the consumer in the previous reply subject; almost always the same in the next one. */
  #end = 0;
  /** Sequence number of the delivered message in its stream. */
  seq = 0;
  /** Number of the delivery among those of the consumer. */
  count = 0;

  constructor(consumer: string) {
    this.#consumer = Buffer.from(consumer);
  }

  parse(message: Msg): void {
    const reply = (message as Undecoded)._msg?.reply ?? Buffer.from(message.reply!);
    if (!this.#isConsumerBefore(this.#end, reply)) {
      this.#end = Buffer.from(reply).indexOf(this.#consumer) + this.#consumer.length;
    }
    const tries = this.#end + 1;
    const seq = reply.indexOf(dot, tries) + 1;
    const count = reply.indexOf(dot, seq) + 1;
    this.seq = numberAt(reply, seq);
    this.count = numberAt(reply, count);
  }

  #isConsumerBefore(end: number, reply: Uint8Array): boolean {
    const consumer = this.#consumer;
    const start = end - consumer.length;
    for (let at = 0; at < consumer.length; at++) if (reply[start + at] !== consumer[at]) return false;
    return true;
  }
}

function numberAt(text: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < text.length; at++) {
    const unit = text[at]!;
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
  const { _rdata: bytes } = message as Undecoded;
  if (bytes === undefined) return positionOf(message.headers!);
  for (let at = 0; at < start.length; at++) if (bytes[at] !== start[at]) return positionOf(message.headers!);
  let value = 0;
  for (let at = start.length; ; at++) {
    const digit = bytes[at]! - zero;
    if (!(digit >= 0 && digit <= 9)) return value;
    value = value * 10 + digit;
  }
}
