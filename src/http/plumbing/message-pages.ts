import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Read } from '../../admission/reads.ts';
import { PokewireError } from '../../errors.ts';
import { type Message, messageJson } from '../../message/message.ts';
import { maxTypeBytes } from '../../message/stream-name.ts';
import type { LogBounds, MessagePage } from '../../store/log.ts';
import type { LogId } from '../../store/log-id.ts';
import { logGone } from '../../store/shared/log-gone.ts';
import { maxPageMessages } from '../../store/shared/page-limits.ts';
import { jsonType } from './error-handler.ts';
import type { AnswerPage, SendPages } from './paged-answer.ts';
import { nameLimits } from './parameters.ts';

/** A message as the API returns it. */
export const messageSchema = Type.Object(
  {
    id: Type.String({ ...nameLimits, description: 'A UUID, unless it was imported' }),
    stream: Type.String(nameLimits),
    type: Type.String({ minLength: 1, maxLength: maxTypeBytes }),
    position: Type.Integer({ minimum: 0, description: 'Position in its stream, from 0' }),
    globalPosition: Type.Integer({ minimum: 1, description: 'Position in the log, from 1' }),
    data: Type.Object({}, { additionalProperties: true }),
    metadata: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]),
    time: Type.String({ format: 'date-time', description: 'RFC 3339, UTC' }),
  },
  { title: 'Message' },
);

/** How to format messages, and the text after the array. */
export type Spelling = { readonly message: (message: Message) => string; readonly after: string };

/** The log that an answer must come from. `bounds`: bounds of the selection, if it starts at a global position. */
export type ExpectedLog = { readonly epoch: string; readonly bounds: (() => Promise<LogBounds>) | undefined };

/** A read of messages: start, number, and the function that reads a page. */
export type MessageRead = {
  readonly read: Read;
  readonly from: number;
  readonly limit: number;
  readonly page: (from: number, limit: number) => Promise<MessagePage>;
  /** For readers that continue from a stored position; undefined: any log, and the answer may start after deleted messages. */
  readonly expected?: ExpectedLog | undefined;
  readonly spelling?: Spelling;
};

/** Sends up to `limit` messages as a JSON array: a single page at once, more page by page. */
export type SendMessages = (reply: FastifyReply, wanted: MessageRead) => Promise<FastifyReply>;

const asObjects: Spelling = { message: messageJson, after: '' };

export function messagesBy(sendPages: SendPages): SendMessages {
  return async (reply, { read, from, limit, page, expected, spelling = asObjects }) => {
    reply.header('content-type', jsonType);
    // The length of the answer would have to be read first; an empty stream has none.
    if (reply.request.method === 'HEAD') return reply.send(Readable.from([]));
    const first = await page(from, Math.min(limit, maxPageMessages));
    if (expected !== undefined) await check(expected, first.epoch, from);
    const body = first.messages.map(spelling.message).join();
    const left = limit - first.messages.length;
    if (first.next === null || left === 0) return reply.send(`[${body}]${spelling.after}`);
    const { epoch } = first;
    const rest = restOf({ page, spelling, epoch }, first.next, left, body === '');
    return sendPages(reply, read, { text: `[${body}`, next: rest });
  };
}

/**
 * Throws if the first page comes from another log, or retention deleted messages from `from` on. Called after the read,
 * so that deletions during it are noticed.
 */
async function check({ epoch, bounds }: ExpectedLog, found: LogId, from: number): Promise<void> {
  if (epoch !== found) throw logGone();
  if (bounds === undefined) return;
  const { head, forgottenUpTo } = await bounds();
  if (forgottenUpTo === 0 || forgottenUpTo < from) return;
  const sentence = `Retention has deleted the messages from ${from} to ${forgottenUpTo}.`;
  throw new PokewireError('LOG_FORGOTTEN', sentence, { details: { epoch, head, forgottenUpTo } });
}

type Rest = { readonly page: MessageRead['page']; readonly spelling: Spelling; readonly epoch: LogId };

/** Reads the rest from `from` on. Fails if a page comes from another log than the first one. */
function restOf(rest: Rest, from: number, left: number, isFirst: boolean): () => Promise<AnswerPage> {
  return async () => {
    const { page, spelling, epoch } = rest;
    const { messages, next, epoch: found } = await page(from, Math.min(left, maxPageMessages));
    if (found !== epoch) throw logGone();
    const body = messages.map(spelling.message).join();
    const text = body === '' || isFirst ? body : `,${body}`;
    const stillLeft = left - messages.length;
    if (next === null || stillLeft === 0) return { text: `${text}]${spelling.after}`, next: undefined };
    return { text, next: restOf(rest, next, stillLeft, isFirst && body === '') };
  };
}
