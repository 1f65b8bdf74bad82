import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { GrantEnd, GrantWatch } from '../../access/grant-watch.ts';
import type { Read } from '../../admission/reads.ts';
import { PokewireError } from '../../errors.ts';
import { ownTurn } from '../../message/turns.ts';
import { logGone } from '../../store/shared/log-gone.ts';

/** One page of an answer. */
export type AnswerPage = {
  /** May be empty. */
  readonly text: string;
  /** Reads the next page; undefined after the last one. */
  readonly next: ReadPage | undefined;
};

/** Reads a page of an answer. If it fails, the answer is cut off. */
export type ReadPage = () => Promise<AnswerPage>;

/** Sends the pages of an answer one after another. */
export type SendPages = (reply: FastifyReply, read: Read, first: AnswerPage) => FastifyReply;

/**
 * Sends pages at the pace of the socket, so that a long answer takes the memory of one page. Cuts the answer off if a
 * page cannot be read or the grant ends: clients do not mistake a broken connection for a complete answer.
 */
export function pagesBy(grants: Pick<GrantWatch, 'hold'>): SendPages {
  return (reply, read, first) => {
    const pages = new Pages(read, first);
    const release = grants.hold(read.grant, (reason) => pages.destroy(errorOf(reason)));
    return reply.send(pages.once('close', release));
  };
}

/** Not a generator, which would keep the text of its page while the socket is full. */
class Pages extends Readable {
  readonly #read: Read;
  #text: string;
  #next: ReadPage | undefined;

  constructor(read: Read, { text, next }: AnswerPage) {
    // Reads a page only after the previous one was sent.
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
      // A store in memory answers within the turn; let other work run.
      await ownTurn();
      // Pages without text do not wait for the socket, so without this check reading would continue after the client
      // has left.
      if (this.#read.isOver) return void this.destroy();
      const { text, next } = await this.#next();
      this.#text = text;
      this.#next = next;
    }
    // As bytes, which wait outside the JavaScript heap.
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
