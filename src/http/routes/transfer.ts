import { finished } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GrantWatch } from '../../access/grant-watch.ts';
import type { Transfer, TransferEnd, Transfers } from '../../admission/transfers.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { grantOf } from '../plumbing/authenticate.ts';

/** Why an import or export was stopped, for its client. */
export const endTexts: Readonly<Record<TransferEnd, string>> = {
  revoked: 'The token has been revoked or has expired.',
  'namespace-deleted': 'The namespace has been deleted.',
};

/** Starts an import or export, which holds a quota until its answer has ended; throws `RATE_LIMITED`. */
export type BeginTransfer = (request: FastifyRequest, reply: FastifyReply) => Transfer;

/** Transfers that stop when their grant ends. */
export function transfersBy(transfers: Transfers, grants: GrantWatch): BeginTransfer {
  return (request, reply) => {
    const grant = grantOf(request);
    try {
      const transfer = transfers.begin(grant);
      const release = grants.hold(grant, (reason) => {
        // Reads and batches of a replaced log fail anyway.
        if (reason !== 'log-replaced') transfer.end(reason);
      });
      // Finishes even if the client has already left.
      finished(reply.raw, () => {
        release();
        transfers.finish(transfer);
      });
      return transfer;
    } catch (error) {
      retryAfter(reply, 5, 10);
      throw error;
    }
  };
}
