import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Access, type Grant, requireOperator, requireScope, withNamespace } from '../../access/access.ts';
import type { Tickets } from '../../access/tickets.ts';
import { PokewireError } from '../../errors.ts';
import type { LogId } from '../../store/log-id.ts';
import type { Scope } from '../../store/namespace-store.ts';
import {
  cookieToken,
  foreignPage,
  headerToken,
  isForeignPage,
  isForeignRead,
  isOwnPage,
  queryTicket,
  queryToken,
} from './credential.ts';
import { routeConfigOf } from './route-config.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request needs; `none`: everybody may. A route that says nothing needs `admin`, so that none is left open. */
    access?: Scope | 'none';
    /** Judges the credential in place of the tokens of namespaces; undefined: it does not know it. */
    ownCheck?: (request: FastifyRequest) => Promise<Grant | undefined>;
    /** Only admins of `default` may, beside whom `ownCheck` knows. */
    isForOperators?: boolean;
    /** The route itself handles a namespace that does not exist. */
    takesAbsentNamespace?: boolean;
    /** A ticket is accepted. */
    takesTicket?: boolean;
  }

  interface FastifyRequest {
    /** What the request may do, once it is authenticated. Routes with access `none` have none. */
    grant: Grant | undefined;
  }
}

/** What the check of credentials needs. */
export type AccessOptions = {
  readonly access: Access;
  readonly tickets: Tickets;
  /** Whether it comes from a page of elsewhere that the settings allow. */
  readonly allowsOrigin: (request: FastifyRequest) => boolean;
};

/** Checks the credential of every request before anything else of it is read. */
export function useAccess(server: FastifyInstance, { access, tickets, allowsOrigin }: AccessOptions): void {
  const isOpen = access.mode === 'off';

  // In this order: token of the query, ticket, token of the header, cookie.
  const judge = (request: FastifyRequest, takesTicket: boolean): Grant | Promise<Grant> => {
    const inQuery = queryToken(request);
    const ticket = inQuery === undefined && takesTicket ? queryTicket(request) : undefined;
    if (ticket !== undefined) return tickets.take(ticket);
    const token = inQuery ?? headerToken(request);
    if (token !== undefined || isOpen) return (token === undefined && access.open) || access.check(token);
    const cookie = cookieToken(request);
    // A browser adds the cookie to whatever a page asks for, so the page must be one of ours.
    if (cookie !== undefined && (isUnsafe(request) ? !isOwnPage(request) : isForeignRead(request))) throw foreignPage();
    return access.check(cookie);
  };

  server.decorateRequest('grant', undefined);
  server.addHook('onRequest', (request, _reply, done) => {
    const config = routeConfigOf(request);
    const { access: needed = 'admin', ownCheck, takesTicket = false, isForOperators = false } = config;
    // A preflight carries no credential.
    if (request.method === 'OPTIONS') return done();
    // Without authentication any page could ask by a visitor's browser, which reaches what the page's server cannot. CORS
    // keeps answers from it, but not whether there is one, nor what a request does.
    if (isOpen && isFromElsewhere(request) && !allowsOrigin(request)) throw foreignPage();
    // Unknown paths are nobody's.
    if (needed === 'none' || request.is404) return done();
    const admit = (grant: Grant): void => {
      requireScope(grant, needed);
      if (isForOperators) requireOperator(grant);
      request.grant = grant;
    };
    const writes = needed !== 'read' && isUnsafe(request);
    const own = ownCheck?.(request);
    const grant =
      own === undefined ? judge(request, takesTicket) : own.then((found) => found ?? judge(request, takesTicket));
    if (grant instanceof Promise) {
      const present = config.takesAbsentNamespace
        ? grant
        : grant.then((found) => (found.makeNamespace === undefined ? found : withNamespace(found, writes)));
      present.then(admit).then(() => done(), done);
      return;
    }
    // Without a promise, which would cost an append without authentication a few percent of its time.
    admit(grant);
    done();
  });
}

/** What an authenticated request may do. */
export function grantOf(request: FastifyRequest): Grant {
  if (request.grant === undefined) {
    throw new PokewireError('INTERNAL_ERROR', 'The route needs a grant, but its access is none.');
  }
  return request.grant;
}

/** The log of the request's namespace. */
export function logOf(request: FastifyRequest): LogId {
  return grantOf(request).namespace.log;
}

/** The token of a request: the query's, which wins because an `EventSource` cannot set headers, else the header's. */
export function credentialOf(request: FastifyRequest): string | undefined {
  return queryToken(request) ?? headerToken(request);
}

function isFromElsewhere(request: FastifyRequest): boolean {
  return isUnsafe(request) ? isForeignPage(request) : isForeignRead(request);
}

function isUnsafe({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}
