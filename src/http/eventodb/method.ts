import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Grant } from '../../access/access.ts';
import type { Scope } from '../../store/namespace-store.ts';
import type { Call } from './call.ts';

/** A call whose caller is known. */
export type RpcContext = {
  readonly call: Call;
  readonly grant: Grant;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
};

/** A method of `/rpc`. */
export type RpcMethod = {
  /** What the caller's token needs. */
  readonly scope: Scope;
  /** It works also when the caller's own namespace does not exist, as it may be without authentication. */
  readonly isOfServer?: true;
  /** Returns the result as JSON text, or the reply when it sends it itself. */
  readonly run: (context: RpcContext) => Promise<string | FastifyReply>;
};

/** Methods by the name they are called by. */
export type RpcMethods = Readonly<Record<string, RpcMethod>>;

/** Ends every successful answer, as in EventoDB. */
export const answerEnd = '\n';
