import type { FastifyRequest } from 'fastify';
import { PokewireError } from '../../errors.ts';

/** The cookie of a session over http. */
export const cookieName = 'pokewire';

/** Over https: browsers take a name like this for this host alone and for all of its paths (RFC 6265bis, 4.1.3.2). */
export const secureCookieName = '__Host-pokewire';

/** The token in the query; undefined: none, or an empty one. */
export function queryToken(request: FastifyRequest): string | undefined {
  return queryValue(request, 'token');
}

/** The ticket in the query; undefined: none, or an empty one. */
export function queryTicket(request: FastifyRequest): string | undefined {
  return queryValue(request, 'ticket');
}

/** The token in the header. */
export function headerToken({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  return authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : undefined;
}

/** The token in the cookie of a session. */
export function cookieToken({ headers, server }: FastifyRequest): string | undefined {
  if (headers.cookie === undefined) return undefined;
  const cookies = server.parseCookie(headers.cookie);
  return cookies[secureCookieName] ?? cookies[cookieName];
}

/** Takes the query off the URL when it holds a credential: Fastify names the URL in some of its warnings. */
export function hideCredentials(request: FastifyRequest): void {
  const { token, ticket } = request.query as Record<string, unknown>;
  if (token !== undefined || ticket !== undefined) request.raw.url = request.url.split('?', 1)[0]!;
}

/**
 * Whether the browser says that a page of this server asks. Both headers are the browser's own, no page can set them.
 * Old browsers, and all of them over plain http from afar, send `Origin` only.
 */
export function isOwnPage({ headers }: FastifyRequest): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined) return site === 'same-origin';
  return origin !== undefined && host !== undefined && origin.replace(/^https?:\/\//, '') === host;
}

/** Whether the browser says that a page of elsewhere asks. Others than browsers say nothing. */
export function isForeignPage(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  return (origin !== undefined || site !== undefined) && !isOwnPage(request);
}

/** The refusal of a request that a page of elsewhere makes by a visitor's browser. */
export function foreignPage(): PokewireError {
  return new PokewireError(
    'AUTH_UNAUTHORIZED',
    'A page of another origin asks. Only our own may, or those of --cors-origins.',
  );
}

function queryValue(request: FastifyRequest, name: 'token' | 'ticket'): string | undefined {
  const value = (request.query as Record<typeof name, unknown>)[name];
  if (Array.isArray(value)) throw new PokewireError('AUTH_INVALID_TOKEN', `The query has more than one ${name}.`);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
