import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { Message } from '../../message/message.ts';
import { positionOfDelivered } from './delivery.ts';
import { HeaderCursor } from './header-cursor.ts';
import { readUpTo } from './header-pages.ts';
import type { LogStream, Spot } from './log-stream.ts';
import { positionOf, readMessage, type Stored } from './stored-message.ts';

/** Messages that a backward walk reads at a time. */
const chunk = 256;

/**
 * Sequence number of the stream's first message at or after a position; undefined if there is none. Positions are only in
 * headers, so this alternates between interpolation and bisection.
 */
export async function seqOfPosition(log: LogStream, stream: string, position: number): Promise<number | undefined> {
  const subject = log.names.subject(stream);
  const [first, last] = await Promise.all([log.nextOf(subject, 1), log.lastOf(subject)]);
  if (first === undefined || last === undefined) return undefined;
  let low = spotOf(first);
  let high = spotOf(last);
  if (position <= low.position) return low.seq;
  if (position > high.position) return undefined;
  /** The result is `high`, or lies before this sequence number. */
  let end = high.seq;
  for (let turn = 0; end - low.seq > 1 && high.position - low.position > 1; turn++) {
    const share = turn % 2 === 0 ? (position - low.position) / (high.position - low.position) : 0.5;
    const guess = Math.min(end - 1, low.seq + Math.max(1, Math.floor((end - low.seq) * share)));
    const found = await log.nextOf(subject, guess);
    if (found === undefined) return undefined;
    const spot = spotOf(found);
    if (spot.position < position) low = spot;
    else {
      high = spot;
      end = Math.min(guess, spot.seq);
    }
  }
  return high.seq;
}

/** Messages of a stream from a position on. */
export async function readFromPosition(
  log: LogStream,
  stream: string,
  position: number,
  count: number,
): Promise<Message[]> {
  const first = await seqOfPosition(log, stream, Math.max(0, position));
  if (first === undefined) return [];
  const subject = log.names.subject(stream);
  const messages: Message[] = [];
  for (let seq = first; messages.length < count; ) {
    const stored = await log.nextOf(subject, seq);
    if (stored === undefined) break;
    messages.push(readMessage(stored, stream));
    seq = stored.seq + 1;
  }
  return messages;
}

/** A message of a backward walk, without its payload. */
export type Walked = { readonly seq: number; readonly position: number; readonly headers: MsgHdrs };

/** Visits a stream's messages backwards until `visit` returns false or `most` were visited. */
export async function walkBack(
  log: LogStream,
  stream: string,
  most: number,
  visit: (message: Walked) => boolean,
): Promise<void> {
  const subject = log.names.subject(stream);
  const last = await log.lastOf(subject);
  if (last === undefined) return;
  let end = spotOf(last);
  for (let seen = 0; seen < most; ) {
    const from = await seqOfPosition(log, stream, Math.max(0, end.position - chunk + 1));
    if (from === undefined) return;
    const cursor = await HeaderCursor.open(log, [subject], from - 1, walkedOf);
    let entries: readonly Walked[];
    try {
      entries = await readUpTo(cursor, chunk, end.seq);
    } finally {
      cursor.close();
    }
    const part = entries.filter(({ seq }) => seq <= end.seq);
    for (const message of part.toReversed()) if (!visit(message)) return;
    const [first] = part;
    if (first === undefined || first.position === 0) return;
    seen += part.length;
    const before = await log.nextOf(subject, from);
    if (before === undefined) return;
    end = { seq: from - 1, position: positionOf(before.headers) - 1 };
  }
}

function walkedOf(message: Msg, seq: number): Walked {
  return { seq, position: positionOfDelivered(message), headers: message.headers! };
}

function spotOf({ seq, headers }: Stored): Spot {
  return { seq, position: positionOf(headers) };
}
