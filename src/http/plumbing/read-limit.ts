import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Read, ReadRefusal, Reads } from '../../admission/reads.ts';
import { PokewireError } from '../../errors.ts';
import { retryAfter } from './append-limit.ts';
import { grantOf } from './authenticate.ts';

/** Begins a read, which is under way until the answer was taken or the client has gone; throws `RATE_LIMITED` or `OVERLOADED`. */
export type BeginRead = (request: FastifyRequest, reply: FastifyReply) => Read;

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route that reads the store for its answer calls it first. */
    beginRead: BeginRead;
  }
}

/** Gives the server `beginRead`; `refused` counts. */
export function useReadLimit(server: FastifyInstance, reads: Reads, refused: (reason: ReadRefusal) => void): void {
  server.decorate('beginRead', (request, reply) => {
    let read: Read;
    try {
      read = reads.begin(grantOf(request));
    } catch (error) {
      const isLimit = error instanceof PokewireError && error.code === 'RATE_LIMITED';
      refused(isLimit ? 'limit' : 'overloaded');
      if (isLimit) retryAfter(reply, 1, 3);
      throw error;
    }
    const { raw } = reply;
    // Emitted when the socket has taken the answer, and when it is gone. `finished` of node:stream adds eight listeners.
    if (raw.destroyed) reads.finish(read);
    else raw.once('close', () => reads.finish(read));
    return read;
  });
}
