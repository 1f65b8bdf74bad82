import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { requireScope, withNamespace } from '../../access/access.ts';
import type { Namespaces } from '../../access/namespaces.ts';
import { PokewireError } from '../../errors.ts';
import type { Store } from '../../store/store.ts';
import { credentialOf, grantOf } from '../plumbing/authenticate.ts';
import { jsonType } from '../plumbing/error-handler.ts';
import type { SendMessages } from '../plumbing/message-pages.ts';
import type { SendPages } from '../plumbing/paged-answer.ts';
import { useBodyReader } from '../plumbing/read-body.ts';
import type { Server } from '../plumbing/server.ts';
import type { Append } from '../routes/append.ts';
import { parseCall } from './call.ts';
import { answerEnd, type RpcMethod } from './method.ts';
import { namespaceMethods } from './namespace-methods.ts';
import { RequestRefusal } from './request-refusal.ts';
import { type RetentionMethodParts, retentionMethods } from './retention-methods.ts';
import { streamMethods } from './stream-methods.ts';
import { type SystemFacts, systemMethods } from './system-methods.ts';
import { tokenMethods } from './token-methods.ts';

/** Dependencies of the RPC methods. */
export type RpcOptions = SystemFacts &
  Pick<RetentionMethodParts, 'rules' | 'erased'> & {
    readonly store: Store;
    readonly append: Append;
    readonly sendMessages: SendMessages;
    readonly sendPages: SendPages;
    readonly namespaces: Namespaces;
    /** In test mode the token of `default`, returned to callers without one; otherwise undefined. */
    readonly testToken: string | undefined;
    readonly bodyLimitBytes: number;
  };

const description =
  "EventoDB's protocol: the body is `[method, ...arguments]`, the answer the bare result. docs/eventodb.md lists the " +
  'methods; each does what the resource routes do.';

/**
 * `POST /rpc`, a thin adapter for EventoDB's clients. It is in a separate scope, because it accepts any content type.
 */
export function routeRpc(server: Server, options: RpcOptions): void {
  const methods = new Map<string, RpcMethod>(
    Object.entries({
      ...streamMethods({ ...options, limitAppends: server.limitAppends, beginRead: server.beginRead }),
      ...namespaceMethods({ ...options, isTestMode: options.testToken !== undefined, beginRead: server.beginRead }),
      ...tokenMethods(options.namespaces),
      ...retentionMethods({ ...options, beginRead: server.beginRead }),
      ...systemMethods(options),
    }),
  );

  server.register(async (rpc) => {
    rpc.setErrorHandler((error: FastifyError, request) => {
      // Passed on to the common error handler.
      throw error.code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? bodyTooLarge(request) : error;
    });
    rpc.addHook('onRequest', (request, reply, done) => {
      if (options.testToken !== undefined && hasNoCredential(request)) {
        reply.header('x-eventodb-token', options.testToken);
      }
      if (request.method === 'POST') return done();
      reply.header('allow', 'POST');
      done(methodNotAllowed(request.method));
    });
    takeAnyContentType(rpc, options.bodyLimitBytes);

    rpc.post(
      '/rpc',
      {
        // Scope of most methods; each states if it needs more.
        config: { access: 'read', takesAbsentNamespace: true },
        schema: {
          operationId: 'callMethod',
          summary: 'Call a method',
          description,
          tags: ['RPC'],
          body: Type.Array(Type.Any(), { examples: [['stream.get', 'account-123', { batchSize: 10 }]] }),
          response: { 200: Type.Any({ description: 'The result' }) },
        },
      },
      async (request, reply) => {
        const call = await parseCall(request.body as Buffer | undefined);
        const method = methods.get(call.method);
        if (method === undefined) {
          throw new PokewireError('METHOD_NOT_FOUND', `There is no method ${call.method.slice(0, 64)}.`);
        }
        let grant = grantOf(request);
        requireScope(grant, method.scope);
        if (grant.makeNamespace !== undefined && method.isOfServer !== true) {
          grant = await withNamespace(grant, method.scope !== 'read');
        }
        const answer = await method.run({ call, grant, request, reply });
        return typeof answer === 'string' ? reply.header('content-type', jsonType).send(answer + answerEnd) : answer;
      },
    );

    rpc.route({
      method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY'],
      url: '/rpc',
      schema: { hide: true },
      // The hook above refuses these too, but a missing permission must be reported first.
      config: { access: 'read' },
      handler: () => {},
    });
  });
}

/** Accepts every body regardless of its content type. Resource routes still refuse anything but JSON. */
function takeAnyContentType(rpc: FastifyInstance, maxBytes: number): void {
  rpc.removeAllContentTypeParsers();
  useBodyReader(rpc, '*', maxBytes);
  rpc.addHook('onRequest', (request, _reply, done) => {
    // An unparsable content type would be refused before any parser runs.
    delete request.headers['content-type'];
    done();
  });
}

function hasNoCredential(request: FastifyRequest): boolean {
  return request.headers.authorization === undefined && !credentialOf(request);
}

function methodNotAllowed(method: string): PokewireError {
  return new RequestRefusal('METHOD_NOT_ALLOWED', `${method} is not allowed here; allowed: POST.`);
}

function bodyTooLarge({ routeOptions: { bodyLimit } }: FastifyRequest): PokewireError {
  return new RequestRefusal('BODY_TOO_LARGE', `The body exceeds the size limit of ${bodyLimit} bytes.`, {
    bodyLimitBytes: bodyLimit,
  });
}
