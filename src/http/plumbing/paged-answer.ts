import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { GrantEnd, GrantWatch } from '../../access/grant-watch.ts';
import type { Read } from '../../admission/reads.ts';
import { PokewireError } from '../../errors.ts';
import { ownTurn } from '../../message/turns.ts';
import { logGone } from '../../store/shared/log-gone.ts';

/** Part of an answer. */
export type AnswerPage = {
  /** May be empty. */
  readonly text: string;
  /** Reads the page behind it; undefined: there is none. */
  readonly next: ReadPage | undefined;
};

/** Reads a page of an answer. A failure breaks the answer off. */
export type ReadPage = () => Promise<AnswerPage>;

/** Sends the pages of an answer one after another. */
export type SendPages = (reply: FastifyReply, read: Read, first: AnswerPage) => FastifyReply;

/**
 * Sends pages at the pace of the socket, so that a long answer takes the memory of one page. It breaks off when a page cannot
 * be read, and when the grant of its read no longer holds: nobody takes what ends with a broken connection for whole.
 */
export function pagesBy(grants: Pick<GrantWatch, 'hold'>): SendPages {
  return (reply, read, first) => {
    const pages = new Pages(read, first);
    const release = grants.hold(read.grant, (reason) => pages.destroy(errorOf(reason)));
    return reply.send(pages.once('close', release));
  };
}

/** A generator would keep the text of its page while the socket is full. */
class Pages extends Readable {
  readonly #read: Read;
  #text: string;
  #next: ReadPage | undefined;

  constructor(read: Read, { text, next }: AnswerPage) {
    // Reads a page only when the previous one has been sent.
    super({ highWaterMark: 0 });
    this.#read = read;
    this.#text = text;
    this.#next = next;
  }

  override _read(): void {
    this.#readOn().catch((error: Error) => this.destroy(error));
  }

  async #readOn(): Promise<void> {
    while (this.#text === '' && this.#next !== undefined) {
      // A store in memory answers without leaving this turn; others are to have theirs.
      await ownTurn();
      // Pages without text do not wait for the socket, so they would be read on for nobody.
      if (this.#read.isOver) return void this.destroy();
      const { text, next } = await this.#next();
      this.#text = text;
      this.#next = next;
    }
    // As bytes, which are outside the heap while they wait.
    const bytes = this.#text === '' ? null : Buffer.from(this.#text);
    this.#text = '';
    this.push(bytes);
  }
}

function errorOf(reason: GrantEnd): PokewireError {
  switch (reason) {
    case 'revoked':
      return new PokewireError('AUTH_UNAUTHORIZED', 'The token has been revoked or has expired.');
    case 'namespace-deleted':
      return new PokewireError('NAMESPACE_NOT_FOUND', 'The namespace has been deleted.');
    case 'log-replaced':
      return logGone();
  }
}
