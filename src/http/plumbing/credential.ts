import { fastifyCookie } from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import { PokewireError } from '../../errors.ts';
import { cleanUrl, isCleanUrl } from './clean-text.ts';

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
  // The scheme has no case, and one or more spaces follow (RFC 9110, 11.1 and 11.4).
  return headers.authorization === undefined ? undefined : /^bearer +(.+)$/i.exec(headers.authorization)?.[1];
}

/** The token in the cookie of a session. */
export function cookieToken({ headers }: FastifyRequest): string | undefined {
  if (headers.cookie === undefined) return undefined;
  const cookies = fastifyCookie.parse(headers.cookie);
  return cookies[secureCookieName] ?? cookies[cookieName];
}

/** Takes credentials out of the URL, wherever in it they stand: the access log, refusals and Fastify's warnings name it. */
export function hideCredentials(request: FastifyRequest): void {
  if (isCleanUrl(request.url)) return;
  const { token, ticket } = request.query as Record<string, unknown>;
  const hasCredential = token !== undefined || ticket !== undefined;
  request.raw.url = cleanUrl(hasCredential ? request.url.split('?', 1)[0]! : request.url);
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

/**
 * Whether a page of elsewhere makes the browser read something for it. A visitor who follows a link is not its instrument:
 * no page can read what another window shows.
 */
export function isForeignRead(request: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers;
  return site !== 'none' && destination !== 'document' && isForeignPage(request);
}

/** The refusal of a request that a page of elsewhere makes by a visitor's browser. */
export function foreignPage(): PokewireError {
  return new PokewireError(
    'AUTH_UNAUTHORIZED',
    'Cross-origin request refused. Add the origin of the page to --cors-origins.',
  );
}

function queryValue(request: FastifyRequest, name: 'token' | 'ticket'): string | undefined {
  const value = (request.query as Record<typeof name, unknown>)[name];
  if (Array.isArray(value)) throw new PokewireError('AUTH_INVALID_TOKEN', `The query has more than one ${name}.`);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
