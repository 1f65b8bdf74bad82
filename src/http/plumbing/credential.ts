import { fastifyCookie } from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import { PokewireError } from '../../errors.ts';
import { cleanUrl, isCleanUrl } from './clean-text.ts';

/** The session cookie over http. */
export const cookieName = 'pokewire';

/** Over https: browsers accept the prefix only for a cookie of this host and all its paths (RFC 6265bis, 4.1.3.2). */
export const secureCookieName = '__Host-pokewire';

/** The token in the query; undefined if missing or empty. */
export function queryToken(request: FastifyRequest): string | undefined {
  return queryValue(request, 'token');
}

/** The ticket in the query; undefined if missing or empty. */
export function queryTicket(request: FastifyRequest): string | undefined {
  return queryValue(request, 'ticket');
}

/** The token in the header. */
export function headerToken({ headers }: FastifyRequest): string | undefined {
  // The scheme is case-insensitive and followed by one or more spaces (RFC 9110, 11.1 and 11.4).
  return headers.authorization === undefined ? undefined : /^bearer +(.+)$/i.exec(headers.authorization)?.[1];
}

/** The token in the session cookie. */
export function cookieToken({ headers }: FastifyRequest): string | undefined {
  if (headers.cookie === undefined) return undefined;
  const cookies = fastifyCookie.parse(headers.cookie);
  return cookies[secureCookieName] ?? cookies[cookieName];
}

/** Removes credentials from anywhere in the URL, because the access log, error texts and Fastify's warnings repeat it. */
export function hideCredentials(request: FastifyRequest): void {
  if (isCleanUrl(request.url)) return;
  const { token, ticket } = request.query as Record<string, unknown>;
  const hasCredential = token !== undefined || ticket !== undefined;
  request.raw.url = cleanUrl(hasCredential ? request.url.split('?', 1)[0]! : request.url);
}

/**
 * Whether the browser reports that the request comes from a page of this server. Pages cannot set either header. Old
 * browsers, and all browsers over plain http except to localhost, send only `Origin`.
 */
export function isOwnPage({ headers }: FastifyRequest): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined) return site === 'same-origin';
  return origin !== undefined && host !== undefined && origin.replace(/^https?:\/\//, '') === host;
}

/** Whether the browser reports a page of another origin. Other clients report nothing. */
export function isForeignPage(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  return (origin !== undefined || site !== undefined) && !isOwnPage(request);
}

/**
 * Whether a foreign page reads something through the visitor's browser. Following a link is fine, because no page can
 * read the content of another window.
 */
export function isForeignRead(request: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers;
  return site !== 'none' && destination !== 'document' && isForeignPage(request);
}

/** The error for a request by a foreign page. */
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
