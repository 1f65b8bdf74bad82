import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Read, ReadRefusal, Reads } from '../../admission/reads.ts';
import { PokewireError } from '../../errors.ts';
import { retryAfter } from './append-limit.ts';
import { grantOf } from './authenticate.ts';

/** Starts a read, which lasts until the answer was sent or the client has left; throws `RATE_LIMITED` or `OVERLOADED`. */
export type BeginRead = (request: FastifyRequest, reply: FastifyReply) => Read;

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route that reads the store calls this first. */
    beginRead: BeginRead;
  }
}

/** Adds `beginRead` to the server. `refused` counts refusals. */
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
    // `close` is emitted when the socket has taken the answer, or is gone. `finished` of node:stream would add eight listeners.
    if (raw.destroyed) reads.finish(read);
    else raw.once('close', () => reads.finish(read));
    return read;
  });
}
