import { Readable } from 'node:stream';
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv } from 'ajv';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyContextConfig,
  type FastifyInstance,
  type FastifyRequest,
  type HTTPMethods,
  LogController,
} from 'fastify';
import type { Access } from '../../access/access.ts';
import type { Tickets } from '../../access/tickets.ts';
import type { OverloadWatch } from '../../admission/overload.ts';
import type { ReadRefusal, Reads } from '../../admission/reads.ts';
import { PokewireError } from '../../errors.ts';
import { version } from '../../version.ts';
import type { AllowedHostsOptions } from './allowed-hosts.ts';
import { useAppendLimit } from './append-limit.ts';
import { useAccess } from './authenticate.ts';
import { hideCredentials } from './credential.ts';
import {
  answerFrameworkError,
  describeSchemaError,
  jsonType,
  type RefusalPage,
  useErrorHandler,
} from './error-handler.ts';
import { useForwardedAddresses } from './forwarded-addresses.ts';
import { hostRefusals } from './host.ts';
import { convertQuery } from './query.ts';
import { useBodyReader } from './read-body.ts';
import { useReadLimit } from './read-limit.ts';
import { requestIds } from './request-id.ts';
import { resetIfCut } from './reset-if-cut.ts';
import { routeConfigOf } from './route-config.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Options of @fastify/cors, instead of the server's own; false: none. */
    cors?: FastifyCorsOptions | false;
    /** CORS headers of every response of the route, regardless of its origin. */
    corsHeaders?: Readonly<Record<string, string>>;
  }
}

/** Options that apply to every route. */
export type ServerOptions = AllowedHostsOptions & {
  readonly access: Access;
  readonly tickets: Tickets;
  readonly log: FastifyBaseLogger;
  readonly bodyLimitBytes: number;
  /** Origins that may call the API; `*`: all. */
  readonly corsOrigins: readonly string[];
  /** Origins that may subscribe. */
  readonly subscribeOrigins: readonly string[];
  /** Proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: readonly string[];
  /** Limit per namespace; 0: no limit. */
  readonly maxAppendsPerSecond: number;
  readonly overload: OverloadWatch;
  readonly reads: Reads;
  /** Counts a refused read. */
  readonly readRefused: (reason: ReadRefusal) => void;
  readonly refusalPage: RefusalPage;
};

/** Name by which programs recognise EventoDB's protocol; see docs/eventodb.md. */
const serverName = `EventoDB/${version}`;

/**
 * Headers of every response. No response is cached, because most need a credential or change at any time, and other
 * origins must not embed them. Pages and their files, which are the same for all visitors, set their own caching.
 */
const commonHeaders = {
  server: serverName,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

/** Allows paths as long as the request head; names have their own limit. */
const maxParamLength = 16_384;

/** Creates Fastify with everything common to all routes: errors, query types, CORS, request ids. */
export function createServer(options: ServerOptions) {
  const { bodyLimitBytes } = options;
  const server = Fastify({
    // One line per request, at its end (see access-log.ts). It contains the request id, so no child loggers are needed.
    loggerInstance: withoutChildren(options.log),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    genReqId: requestIds(),
    routerOptions: { maxParamLength },
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    frameworkErrors: (error, request, reply) => answerFrameworkError(error, request, reply.headers(commonHeaders)),
    schemaErrorFormatter: describeSchemaError,
  }).withTypeProvider<TypeBoxTypeProvider>();

  useErrorHandler(server, options.refusalPage);
  // Nothing is coerced, defaulted or removed: query.ts converts types, and invalid values are refused.
  const ajv = new Ajv({ strict: false });
  // message/new-message.ts parses bodies, which keeps payloads as text; the schemas only describe them.
  server.setValidatorCompiler(({ schema, httpPart }) =>
    httpPart === 'body' ? () => true : ajv.compile(schema as object),
  );
  server.removeAllContentTypeParsers();
  useBodyReader(server, 'application/json', bodyLimitBytes);

  if (options.trustedProxies.length > 0) useForwardedAddresses(server);
  server.decorateRequest('routeConfig', undefined);
  // With authentication, a rebound page has neither a token nor the cookie, which belongs to another name.
  const isHostJudged = options.access.mode === 'off' || options.allowedHosts.length > 0;
  const hostRefusal = hostRefusals(isHostJudged ? options : undefined);
  // Before hooks that may refuse the request, so that errors carry these headers too. Hooks use callbacks: a promise
  // each would cost every request several turns of the microtask queue.
  server.addHook('onRequest', (request, reply, done) => {
    // Before anything can refuse the request, because refusals are logged too.
    hideCredentials(request);
    reply.headers(commonHeaders);
    if (request.headers['x-request-id'] !== undefined) reply.header('x-request-id', request.id);
    const { corsHeaders } = routeConfigOf(request);
    if (corsHeaders !== undefined) reply.headers(corsHeaders);
    // Before anything else in the request is used.
    const refusal = hostRefusal(request.raw);
    if (refusal === undefined) return done();
    if (refusal.code === 'INVALID_REQUEST') reply.header('connection', 'close');
    done(refusal);
  });

  useCors(server, options);
  const allowsOrigin = ({ url, headers }: FastifyRequest) => {
    const origins = isSubscribe(url) ? options.subscribeOrigins : options.corsOrigins;
    return headers.origin !== undefined && (origins.includes('*') || origins.includes(headers.origin));
  };
  // After CORS, so that a page may read why it was refused.
  server.after(() => useAccess(server, { ...options, allowsOrigin }));
  useAppendLimit(server, options.maxAppendsPerSecond, options.overload);
  useReadLimit(server, options.reads, options.readRefused);
  server.addHook('preValidation', (request, _reply, done) => {
    convertQuery(request);
    done();
  });
  // Fastify adds a charset, which JSON does not define and EventoDB's clients do not expect.
  server.addHook('onSend', (request, reply, payload, done) => {
    const type = reply.getHeader('content-type');
    if (typeof type === 'string' && type.startsWith(jsonType)) reply.header('content-type', jsonType);
    if (payload instanceof Readable && request.method === 'HEAD') {
      // Fastify would read the whole payload only to discard it.
      payload.destroy();
      return done(null, Readable.from([]));
    }
    if (payload instanceof Readable && request.raw.httpVersion === '1.0') resetIfCut(payload, reply.raw);
    done(null, payload);
  });
  return server;
}

/** The server to which routes are added. */
export type Server = ReturnType<typeof createServer>;

/** Answers 405 with the known methods for known paths with unknown methods. Call after all routes were added. */
export function refuseOtherMethods(server: Server, routes: ReadonlyMap<string, ReadonlySet<string>>): void {
  const refusable: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY'];
  for (const [url, methods] of routes) {
    const allow = [...methods].join(', ');
    server.route({
      method: refusable.filter((method) => !methods.has(method)),
      url,
      schema: { hide: true },
      config: { access: 'none' },
      // Before the body is read, so that its type does not matter.
      onRequest: async (request, reply) => {
        reply.header('allow', allow);
        throw new PokewireError('METHOD_NOT_ALLOWED', `${request.method} is not allowed here; allowed: ${allow}.`);
      },
      handler: () => {},
    });
  }
}

/**
 * Records the methods of each route as it is added. Ignores preflights, because the route `*` for them would match
 * unknown paths too.
 */
export function collectRoutes(server: Server): Map<string, Set<string>> {
  const routes = new Map<string, Set<string>>();
  server.addHook('onRoute', ({ url, method }) => {
    for (const name of [method].flat()) {
      if (name !== 'OPTIONS') routes.getOrInsertComputed(url, () => new Set()).add(name);
    }
  });
  return routes;
}

/** Configured per route, so that requests to routes without CORS pay nothing. */
function useCors(server: FastifyInstance, { corsOrigins, subscribeOrigins }: ServerOptions): void {
  server.addHook('onRoute', (route) => {
    const origins = isSubscribe(route.url) ? subscribeOrigins : corsOrigins;
    const isPreflight = [route.method].flat().includes('OPTIONS');
    route.config = { ...route.config, ...(isPreflight ? { cors: corsFor(origins) } : corsConfigOf(origins)) };
  });
  const usePlugin = (scope: FastifyInstance) => {
    scope.register(cors, corsFor(corsOrigins));
    // The plugin adds its own route for all preflights, which is for the API.
    for (const url of ['/subscribe', '/subscribe/*']) {
      scope.options(url, { schema: { hide: true }, config: { access: 'none' } }, (_request, reply) =>
        reply.callNotFound(),
      );
    }
  };
  // The plugin's hook runs for every request of its scope, regardless of the route's config. Unknown paths count as
  // API.
  if (corsOrigins.length > 0 || isList(subscribeOrigins)) usePlugin(server);
  else server.register(async (preflights) => usePlugin(preflights));
}

/** Whether the response depends on the request's origin. */
function isList(origins: readonly string[]): boolean {
  return origins.length > 0 && !origins.includes('*');
}

/** Fastify requests a child logger per request, which costs an append a few percent of its time; returns this one instead. */
function withoutChildren(log: FastifyBaseLogger): FastifyBaseLogger {
  const same: FastifyBaseLogger = Object.create(log, { child: { value: () => same } });
  return same;
}

function isSubscribe(url: string): boolean {
  return /^\/subscribe(?![^/?])/.test(url);
}

/**
 * If all origins are allowed, or none, the response does not depend on the request, so the plugin's work per request
 * can be skipped: 1.4 % of a connection in a storm (profile of load: connection-storm).
 */
function corsConfigOf(origins: readonly string[]): FastifyContextConfig {
  if (origins.length === 0) return { cors: false };
  if (isList(origins)) return { cors: corsFor(origins) };
  const corsHeaders = {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': exposedHeaders.join(', '),
  };
  return { cors: false, corsHeaders };
}

const exposedHeaders = ['Retry-After', 'X-Request-Id'];

function corsFor(origins: readonly string[]): FastifyCorsOptions {
  return {
    origin: origins.includes('*') ? '*' : origins.length === 0 ? false : [...origins],
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: ['Authorization', 'Cache-Control', 'Content-Type', 'Last-Event-ID', 'X-Request-Id'],
    exposedHeaders,
    maxAge: 600,
    strictPreflight: false,
  };
}
