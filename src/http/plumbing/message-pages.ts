import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { type Message, messageJson } from '../../message/message.ts';
import type { MessagePage } from '../../store/log.ts';
import { maxPageMessages } from '../../store/shared/page-limits.ts';
import { jsonType } from './error-handler.ts';

/** A message as the API returns it. */
export const messageSchema = Type.Object({
  id: Type.String({ description: 'UUID' }),
  stream: Type.String(),
  type: Type.String(),
  position: Type.Integer({ description: 'Place in its stream, from 0' }),
  globalPosition: Type.Integer({ description: 'Place in the log, from 1' }),
  data: Type.Object({}, { additionalProperties: true }),
  metadata: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]),
  time: Type.String({ description: 'RFC 3339, UTC' }),
});

/** How an answer spells its messages, and what follows the array. */
export type Spelling = { readonly message: (message: Message) => string; readonly after: string };

const asObjects: Spelling = { message: messageJson, after: '' };

/**
 * Sends up to `limit` messages as a JSON array. What fits one page goes out in one piece; more is read at the pace of
 * the socket, so that a long answer costs the memory of one page.
 */
export async function sendMessages(
  reply: FastifyReply,
  limit: number,
  from: number,
  read: (from: number, limit: number) => Promise<MessagePage>,
  spelling = asObjects,
): Promise<FastifyReply> {
  reply.header('content-type', jsonType);
  const first = await read(from, Math.min(limit, maxPageMessages));
  const body = first.messages.map(spelling.message).join();
  const left = limit - first.messages.length;
  if (first.next === null || left === 0) return reply.send(`[${body}]${spelling.after}`);
  return reply.send(Readable.from(pieces(body, first.next, left, read, spelling)));
}

async function* pieces(
  first: string,
  from: number | null,
  limit: number,
  read: (from: number, limit: number) => Promise<MessagePage>,
  spelling: Spelling,
): AsyncGenerator<string> {
  yield `[${first}`;
  let isFirst = first === '';
  for (let left = limit; from !== null && left > 0; ) {
    // A store in memory answers without leaving this turn; others are to have theirs.
    await nextTurn();
    const { messages, next } = await read(from, Math.min(left, maxPageMessages));
    if (messages.length > 0) yield (isFirst ? '' : ',') + messages.map(spelling.message).join();
    isFirst &&= messages.length === 0;
    left -= messages.length;
    from = next;
  }
  yield `]${spelling.after}`;
}
