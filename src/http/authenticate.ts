import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Access, type Grant, requireScope } from '../access/access.ts';
import { PokewireError } from '../errors.ts';
import type { Scope } from '../store/namespace-store.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request needs; `none`: everybody may. A route that says nothing needs `admin`, so that none is left open. */
    access?: Scope | 'none';
    /** Judges the credential in place of the tokens of namespaces; undefined: it does not know it. */
    ownCheck?: (request: FastifyRequest) => Promise<Grant | undefined>;
  }

  interface FastifyRequest {
    /** What the request may do, once it is authenticated. Routes with access `none` have none. */
    grant: Grant | undefined;
  }
}

/** Checks the credential of every request before anything else of it is read. */
export function useAccess(server: FastifyInstance, access: Access): void {
  server.decorateRequest('grant', undefined);
  server.addHook('onRequest', async (request) => {
    const { access: needed = 'admin', ownCheck } = request.routeOptions.config;
    // Unknown paths are nobody's, and a preflight carries no credential.
    if (needed === 'none' || request.is404 || request.method === 'OPTIONS') return;
    const grant = (await ownCheck?.(request)) ?? (await access.check(credentialOf(request)));
    requireScope(grant, needed);
    request.grant = grant;
  });
}

/** What an authenticated request may do. */
export function grantOf(request: FastifyRequest): Grant {
  if (request.grant === undefined) {
    throw new PokewireError('INTERNAL_ERROR', 'The route needs a grant, but its access is none.');
  }
  return request.grant;
}

/** Name of the namespace's log in the store. */
export function logOf(request: FastifyRequest): string {
  return grantOf(request).namespace.log;
}

/** The token of a request: the query's, which wins because an `EventSource` cannot set headers, else the header's. */
export function credentialOf(request: FastifyRequest): string | undefined {
  const { token } = request.query as { token?: unknown };
  if (typeof token === 'string' && token !== '') return token;
  if (Array.isArray(token)) throw new PokewireError('AUTH_INVALID_TOKEN', 'The query has more than one token.');
  const { authorization } = request.headers;
  return authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : undefined;
}
