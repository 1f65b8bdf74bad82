import type { FastifyReply } from 'fastify';
import type { Read } from '../../admission/reads.ts';
import { jsonType } from '../plumbing/error-handler.ts';
import type { AnswerPage, SendPages } from '../plumbing/paged-answer.ts';
import { answerEnd } from './method.ts';

/** A page of a list. */
export type ListPage = {
  /** JSON of each entry. */
  readonly entries: readonly string[];
  /** Cursor for the next page; undefined: this is the last one. */
  readonly last: string | undefined;
};

/** The request for a list. */
type Asked = { readonly reply: FastifyReply; readonly read: Read; readonly sendPages: SendPages };

/** Answers with an array of all entries, holding one page of them at a time. */
export async function sendList(
  { reply, read, sendPages }: Asked,
  readPage: (after: string | undefined) => Promise<ListPage>,
): Promise<FastifyReply> {
  const page = (after: string | undefined) => async (): Promise<AnswerPage> => {
    const { entries, last } = await readPage(after);
    const body = entries.join();
    const text = (after === undefined ? '[' : body === '' ? '' : ',') + body;
    return last === undefined ? { text: `${text}]${answerEnd}`, next: undefined } : { text, next: page(last) };
  };
  const first = await page(undefined)();
  reply.header('content-type', jsonType);
  return first.next === undefined ? reply.send(first.text) : sendPages(reply, read, first);
}
