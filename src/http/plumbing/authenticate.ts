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
    /** Scope that a request needs; `none`: public. The default is `admin`, so that a route is never left open by mistake. */
    access?: Scope | 'none';
    /** Checks the credential instead of the namespaces' tokens; undefined: not recognised. */
    ownCheck?: (request: FastifyRequest) => Promise<Grant | undefined>;
    /** Restricted to admins of `default`, in addition to what `ownCheck` recognises. */
    isForOperators?: boolean;
    /** The route itself handles a missing namespace. */
    takesAbsentNamespace?: boolean;
    /** Accepts a ticket. */
    takesTicket?: boolean;
  }

  interface FastifyRequest {
    /** The grant of the request, once authenticated. Undefined on routes with access `none`. */
    grant: Grant | undefined;
  }
}

/** Dependencies of the credential check. */
export type AccessOptions = {
  readonly access: Access;
  readonly tickets: Tickets;
  /** Whether the request comes from a foreign page that the settings allow. */
  readonly allowsOrigin: (request: FastifyRequest) => boolean;
};

/** Checks the credential of every request before reading the rest of it. */
export function useAccess(server: FastifyInstance, { access, tickets, allowsOrigin }: AccessOptions): void {
  const isOpen = access.mode === 'off';

  // The credentials in order of precedence: token in the query, ticket, token in the header, cookie.
  const judge = (request: FastifyRequest, takesTicket: boolean): Grant | Promise<Grant> => {
    const inQuery = queryToken(request);
    const ticket = inQuery === undefined && takesTicket ? queryTicket(request) : undefined;
    if (ticket !== undefined) return tickets.take(ticket);
    const token = inQuery ?? headerToken(request);
    if (token !== undefined || isOpen) return (token === undefined && access.open) || access.check(token);
    const cookie = cookieToken(request);
    // A browser adds the cookie to requests of any page, so the page must be one of ours.
    if (cookie !== undefined && (isUnsafe(request) ? !isOwnPage(request) : isForeignRead(request))) throw foreignPage();
    return access.check(cookie);
  };

  server.decorateRequest('grant', undefined);
  server.addHook('onRequest', (request, _reply, done) => {
    const config = routeConfigOf(request);
    const { access: needed = 'admin', ownCheck, takesTicket = false, isForOperators = false } = config;
    // A preflight has no credential.
    if (request.method === 'OPTIONS') return done();
    // Without authentication, any page could send requests through a visitor's browser, which may reach servers that
    // the page's server cannot. CORS hides the content of answers, but not whether there is one, nor does it prevent
    // effects.
    if (isOpen && isFromElsewhere(request) && !allowsOrigin(request)) throw foreignPage();
    // Unknown paths need no access check.
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
    // Does not create a promise, which would cost an append without authentication a few percent of its time.
    admit(grant);
    done();
  });
}

/** The rights of an authenticated request. */
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

/**
 * The token of a request: from the query, which takes precedence because an `EventSource` cannot set headers, otherwise
 * from the header.
 */
export function credentialOf(request: FastifyRequest): string | undefined {
  return queryToken(request) ?? headerToken(request);
}

function isFromElsewhere(request: FastifyRequest): boolean {
  return isUnsafe(request) ? isForeignPage(request) : isForeignRead(request);
}

function isUnsafe({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}
