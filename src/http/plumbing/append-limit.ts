import { randomInt } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OverloadWatch } from '../../admission/overload.ts';
import { PokewireError } from '../../errors.ts';
import { AppendCounts } from './append-counts.ts';
import { grantOf } from './authenticate.ts';

/** Counts an append; throws `RATE_LIMITED` beyond the limit, and `OVERLOADED` if memory is short. */
export type LimitAppends = (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined;

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route that appends calls this first, once per append. */
    limitAppends: LimitAppends;
  }
}

const second = 1_000;

/** Adds `limitAppends` to the server. `maxPerSecond` applies to each namespace; 0: no limit. */
export function useAppendLimit(server: FastifyInstance, maxPerSecond: number, overload: OverloadWatch): void {
  server.decorate('limitAppends', () => {
    overload.refuseAppend();
    return undefined;
  });
  if (maxPerSecond === 0) return;
  server.register(rateLimit, { global: false, store: AppendCounts });
  server.after(() => {
    const count = server.createRateLimit({
      max: maxPerSecond,
      timeWindow: second,
      keyGenerator: (request) => grantOf(request).namespace.uid,
    });
    server.limitAppends = async (request, reply) => {
      overload.refuseAppend();
      const state = await count(request);
      if (state.isAllowed || !state.isExceeded) return;
      retryAfter(reply, state.ttlInSeconds, 2);
      throw new PokewireError(
        'RATE_LIMITED',
        `Namespace ${grantOf(request).namespace.id} may make ${maxPerSecond} appends per second. Retry later.`,
        { details: { maxAppendsPerSecond: maxPerSecond } },
      );
    };
  });
}

/** Sets `Retry-After` to `leastSeconds` plus up to `spreadSeconds`, so that clients do not all retry at once. */
export function retryAfter(reply: FastifyReply, leastSeconds: number, spreadSeconds: number): void {
  reply.header('retry-after', String(leastSeconds + randomInt(spreadSeconds + 1)));
}
