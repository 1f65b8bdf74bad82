import cookie from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthMode } from '../../access/access.ts';
import { invalid } from '../../errors.ts';
import {
  cookieName,
  foreignPage,
  headerToken,
  isForeignPage,
  queryToken,
  secureCookieName,
} from '../plumbing/credential.ts';
import type { Server } from '../plumbing/server.ts';

const attributes = { path: '/', httpOnly: true, sameSite: 'strict' } as const;

/**
 * Lets the following routes of this scope start and end sessions. The plugin's hook runs for every answer in the scope,
 * so routes that never set a cookie belong outside.
 */
export async function useSessions(scope: Server): Promise<void> {
  await scope.register(cookie, { hook: false });
}

/**
 * A session is a cookie that contains the token. The server keeps no state: revoking the token ends its sessions, and
 * sessions remain valid after a restart. The cookie has no expiry, so the browser drops it when it closes.
 */
export function routeSession(server: Server, mode: AuthMode): void {
  server.post(
    '/session',
    {
      config: { access: 'read', takesAbsentNamespace: true },
      schema: {
        operationId: 'beginSession',
        summary: 'Start a session',
        description:
          'Stores the token of the header in a cookie that scripts cannot read, for later requests of a browser.',
        tags: ['operations'],
        response: { 204: { type: 'null', description: 'The cookie is set' } },
      },
    },
    async (request, reply) => {
      reply.code(204);
      if (mode === 'off') return null;
      const token = queryToken(request) === undefined ? headerToken(request) : undefined;
      // A page of --cors-origins may use a token, but not start a session for the visitor.
      if (isForeignPage(request)) throw foreignPage();
      if (token === undefined)
        throw invalid('authorization', 'is missing: a session begins with the token in the header');
      beginSession(request, reply, token);
      return null;
    },
  );

  server.delete(
    '/session',
    {
      config: { access: 'none' },
      schema: {
        operationId: 'endSession',
        summary: 'End a session',
        description: 'Deletes the cookie. The token stays valid until it is revoked.',
        tags: ['operations'],
        response: { 204: { type: 'null', description: 'The cookie is deleted' } },
      },
    },
    async (_request, reply) => {
      reply
        .clearCookie(cookieName, attributes)
        .clearCookie(secureCookieName, { ...attributes, secure: true })
        .code(204);
      return null;
    },
  );
}

/** Puts the token into the response's cookie. */
export function beginSession(request: FastifyRequest, reply: FastifyReply, token: string): FastifyReply {
  // Forging this header only makes the cookie stricter.
  const claimed = String(request.headers['x-forwarded-proto'] ?? '')
    .split(',', 1)[0]!
    .trim()
    .toLowerCase();
  const secure = request.protocol === 'https' || claimed === 'https';
  return reply.setCookie(secure ? secureCookieName : cookieName, token, { ...attributes, secure });
}
