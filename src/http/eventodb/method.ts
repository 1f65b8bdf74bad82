import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Grant } from '../../access/access.ts';
import type { Scope } from '../../store/namespace-store.ts';
import type { Call } from './call.ts';

/** An authenticated call. */
export type RpcContext = {
  readonly call: Call;
  readonly grant: Grant;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
};

/** A method of `/rpc`. */
export type RpcMethod = {
  /** Scope that the caller's token must have. */
  readonly scope: Scope;
  /** Also works if the caller's own namespace does not exist, which is possible without authentication. */
  readonly isOfServer?: true;
  /** Returns the result as JSON text, or the reply if the method has sent it. */
  readonly run: (context: RpcContext) => Promise<string | FastifyReply>;
};

/** Methods by name. */
export type RpcMethods = Readonly<Record<string, RpcMethod>>;

/** Ends every successful answer, as EventoDB does. */
export const answerEnd = '\n';
