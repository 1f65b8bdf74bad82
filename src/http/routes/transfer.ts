import { finished } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Transfer, TransferEnd, Transfers } from '../../admission/transfers.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { grantOf } from '../plumbing/authenticate.ts';

/** Why an import or export was ended, for its client. */
export const endTexts: Readonly<Record<TransferEnd, string>> = {
  revoked: 'The token was revoked or has expired meanwhile.',
  'namespace-deleted': 'The namespace was deleted meanwhile.',
};

/** Begins an import or export, which keeps its place until the answer is over; throws `RATE_LIMITED`. */
export function beginTransfer(transfers: Transfers, request: FastifyRequest, reply: FastifyReply): Transfer {
  try {
    const transfer = transfers.begin(grantOf(request));
    // Also of a client that has gone by now.
    finished(reply.raw, () => transfers.finish(transfer));
    return transfer;
  } catch (error) {
    retryAfter(reply, 5, 10);
    throw error;
  }
}
